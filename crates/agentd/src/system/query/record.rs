//! Rows of typed columns: what a table is made of.

use serde_json::{Number, Value};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    List,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// A row of a table.
pub(super) trait Record {
    /// The table's columns.
    const COLUMNS: &'static [Column];
    /// The row's values, one a column; null where there is none.
    fn cells(self) -> Vec<Value>;
}

/// What may stand in a column.
pub(super) trait Cell {
    /// The kind of column that it makes.
    const KIND: Kind;
    /// The value itself.
    fn value(self) -> Value;
}

/// A struct whose fields are the columns of a table, in their order.
macro_rules! record {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $cell:ty,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub(super) struct $name {
            $($(#[$field_about])* pub(super) $field: $cell,)+
        }

        impl $crate::system::query::record::Record for $name {
            const COLUMNS: &'static [$crate::system::query::record::Column] = &[$(
                $crate::system::query::record::Column {
                    name: stringify!($field),
                    kind: <$cell as $crate::system::query::record::Cell>::KIND,
                }
            ),+];

            fn cells(self) -> Vec<serde_json::Value> {
                vec![$($crate::system::query::record::Cell::value(self.$field)),+]
            }
        }
    };
}
pub(super) use record;

macro_rules! cells {
    ($($type:ty as $kind:ident,)+) => {$(
        impl Cell for $type {
            const KIND: Kind = Kind::$kind;
            fn value(self) -> Value {
                self.into()
            }
        }
    )+};
}

cells! {
    String as Text,
    &'static str as Text,
    bool as Flag,
    i32 as Number,
    u16 as Number,
    u32 as Number,
    u64 as Number,
    Vec<String> as List,
}

impl Cell for f64 {
    const KIND: Kind = Kind::Number;

    /// To two places: what is behind them is noise.
    fn value(self) -> Value {
        Number::from_f64((self * 100.0).round() / 100.0).map_or(Value::Null, Value::Number)
    }
}

impl<C: Cell> Cell for Option<C> {
    const KIND: Kind = C::KIND;
    fn value(self) -> Value {
        self.map_or(Value::Null, Cell::value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    record! {
        /// A row.
        Sample {
            name: String,
            size: Option<u64>,
            share: f64,
            groups: Vec<String>,
        }
    }

    #[test]
    fn a_row_has_a_value_for_every_column() {
        let names: Vec<_> = Sample::COLUMNS.iter().map(|column| (column.name, column.kind)).collect();
        assert_eq!(
            names,
            [("name", Kind::Text), ("size", Kind::Number), ("share", Kind::Number), ("groups", Kind::List)]
        );
        let row = Sample { name: "a".into(), size: None, share: 12.3456, groups: vec!["g".into()] };
        assert_eq!(row.cells(), [json!("a"), json!(null), json!(12.35), json!(["g"])]);
        assert_eq!(f64::NAN.value(), json!(null));
    }
}
