//! Which rows of a table, in which order: filter, sort, limit.

use std::cmp::Ordering;

use osmoda_api::agentd::QueryArgs;
use serde_json::{Map, Number, Value};

use super::record::{Column, Kind, Record};
use crate::system::{MAX_LIMIT, SystemError};

/// How many rows are told where nobody says how many.
const DEFAULT_LIMIT: u32 = 100;

/// The rows that are told, and how many matched.
pub(super) struct Selected {
    pub(super) rows: Vec<Map<String, Value>>,
    pub(super) total: u64,
}

/// Rows as `args` asks for them. What is asked is checked before `read` does its work.
pub(super) fn select<R: Record>(
    args: Option<&QueryArgs>,
    read: impl FnOnce() -> Result<Vec<R>, SystemError>,
) -> Result<Selected, SystemError> {
    let selection = Selection::of(args, R::COLUMNS)?;
    let mut rows: Vec<Vec<Value>> = read()?.into_iter().map(R::cells).collect();
    rows.retain(|row| selection.filters.iter().all(|filter| filter.takes(row)));
    let total = rows.len() as u64;
    if let Some((column, descending)) = selection.sort {
        rows.sort_by(|a, b| compare(&a[column], &b[column], descending));
    }
    rows.truncate(selection.limit);
    let named = |cells: Vec<Value>| {
        let named = R::COLUMNS.iter().zip(cells).filter(|(_, value)| !value.is_null());
        named.map(|(column, value)| (column.name.to_owned(), value)).collect()
    };
    Ok(Selected { rows: rows.into_iter().map(named).collect(), total })
}

/// What was asked, checked against the table's columns.
struct Selection<'a> {
    filters: Vec<Filter<'a>>,
    /// The column's place, and whether the largest comes first.
    sort: Option<(usize, bool)>,
    limit: usize,
}

/// One column and what it must hold.
struct Filter<'a> {
    column: usize,
    wanted: &'a Value,
}

impl<'a> Selection<'a> {
    fn of(args: Option<&'a QueryArgs>, columns: &[Column]) -> Result<Self, SystemError> {
        let place = |name: &str| {
            columns.iter().position(|column| column.name == name).ok_or_else(|| SystemError::UnknownColumn {
                column: name.chars().take(64).collect(),
                known: columns.iter().map(|column| column.name).collect(),
            })
        };
        let limit = args.and_then(|args| args.limit).unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(SystemError::BadLimit(limit));
        }
        let sort = args.and_then(|args| args.sort.as_deref()).map(|sort| {
            let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
            place(name).map(|column| (column, descending))
        });
        let filters = args.and_then(|args| args.filter.as_ref()).into_iter().flatten();
        let filters = filters.map(|(name, wanted)| place(name).and_then(|at| Filter::of(at, &columns[at], wanted)));
        Ok(Self { filters: filters.collect::<Result<_, _>>()?, sort: sort.transpose()?, limit: limit as usize })
    }
}

impl<'a> Filter<'a> {
    fn of(at: usize, column: &Column, wanted: &'a Value) -> Result<Self, SystemError> {
        let (fits, expected) = match column.kind {
            Kind::Text | Kind::List => (wanted.is_string(), "a text"),
            Kind::Number => (wanted.is_number(), "a number"),
            Kind::Flag => (wanted.is_boolean(), "true or false"),
        };
        // Null asks for the rows that have nothing there.
        if fits || wanted.is_null() {
            Ok(Self { column: at, wanted })
        } else {
            Err(SystemError::BadFilter { column: column.name, expected })
        }
    }

    fn takes(&self, row: &[Value]) -> bool {
        match (&row[self.column], self.wanted) {
            (Value::String(value), Value::String(part)) => value.contains(part),
            (Value::Array(values), one @ Value::String(_)) => values.contains(one),
            (Value::Number(value), Value::Number(wanted)) => compare_numbers(value, wanted).is_eq(),
            (value, wanted) => value == wanted,
        }
    }
}

/// Rows with nothing in the column come last in either direction.
fn compare(a: &Value, b: &Value, descending: bool) -> Ordering {
    let order = match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return a.is_null().cmp(&b.is_null()),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            a.iter().filter_map(Value::as_str).cmp(b.iter().filter_map(Value::as_str))
        }
        // A column holds one kind.
        _ => Ordering::Equal,
    };
    if descending { order.reverse() } else { order }
}

fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or_default().total_cmp(&b.as_f64().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use osmoda_ipc::Fault;
    use serde_json::json;

    use super::*;
    use crate::system::query::record::record;

    record! {
        /// A row.
        Row {
            id: u64,
            name: Option<String>,
            share: f64,
            open: bool,
            groups: Vec<String>,
        }
    }

    fn rows() -> Result<Vec<Row>, SystemError> {
        let row = |id, name: Option<&str>, share, open, groups: &[&str]| Row {
            id,
            name: name.map(Into::into),
            share,
            open,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        Ok(vec![
            row(2, Some("beta"), 0.5, true, &["adm"]),
            row(10, Some("alpha"), 7.0, false, &["adm", "wheel"]),
            row(1, None, 0.0, true, &[]),
            row(u64::MAX, Some("alphabet"), 7.0, false, &["admins"]),
        ])
    }

    fn args(args: Value) -> QueryArgs {
        serde_json::from_value(args).unwrap()
    }

    fn ids(given: Value) -> Vec<u64> {
        let selected = select(Some(&args(given)), rows).unwrap();
        selected.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    #[test]
    fn rows_are_sorted_by_any_column_in_either_direction() {
        for (sort, expected) in [
            ("id", [1, 2, 10, u64::MAX]),
            ("-id", [u64::MAX, 10, 2, 1]),
            ("name", [10, u64::MAX, 2, 1]),
            ("-name", [2, u64::MAX, 10, 1]),
            ("share", [1, 2, 10, u64::MAX]),
            ("-share", [10, u64::MAX, 2, 1]),
            ("open", [10, u64::MAX, 2, 1]),
            ("groups", [1, 2, 10, u64::MAX]),
        ] {
            assert_eq!(ids(json!({ "sort": sort })), expected, "{sort}");
        }
    }

    #[test]
    fn filters_contain_texts_and_equal_the_rest() {
        for (filter, expected) in [
            (json!({}), &[2, 10, 1, u64::MAX][..]),
            (json!({ "name": "alpha" }), &[10, u64::MAX]),
            (json!({ "name": "Alpha" }), &[]),
            (json!({ "name": null }), &[1]),
            (json!({ "id": 10 }), &[10]),
            (json!({ "id": 10.0 }), &[10]),
            (json!({ "id": u64::MAX }), &[u64::MAX]),
            (json!({ "id": u64::MAX - 1 }), &[]),
            (json!({ "id": 1.5 }), &[]),
            (json!({ "share": 7 }), &[10, u64::MAX]),
            (json!({ "open": true }), &[2, 1]),
            (json!({ "groups": "adm" }), &[2, 10]),
            (json!({ "open": false, "name": "bet" }), &[u64::MAX]),
        ] {
            assert_eq!(ids(json!({ "filter": filter.clone() })), expected, "{filter}");
        }
    }

    #[test]
    fn the_limit_cuts_rows_but_not_the_total() {
        let selected =
            select(Some(&args(json!({ "limit": 1, "sort": "id", "filter": { "open": true } }))), rows).unwrap();
        assert_eq!((selected.rows.len(), selected.total), (1, 2));
        assert_eq!(
            selected.rows[0],
            *json!({ "id": 1, "share": 0.0, "open": true, "groups": [] }).as_object().unwrap()
        );

        let many = || Ok((0..150).map(|id| Row { id, name: None, share: 0.0, open: true, groups: vec![] }).collect());
        let selected = select::<Row>(None, many).unwrap();
        assert_eq!((selected.rows.len(), selected.total), (100, 150));
    }

    #[test]
    fn what_does_not_fit_the_table_is_refused_before_anything_is_read() {
        for (given, code) in [
            (json!({ "sort": "size" }), "unknown_column"),
            (json!({ "sort": "-" }), "unknown_column"),
            (json!({ "sort": "" }), "unknown_column"),
            (json!({ "sort": "--id" }), "unknown_column"),
            (json!({ "filter": { "id": 1, "size": 1 } }), "unknown_column"),
            (json!({ "filter": { "id": "1" } }), "bad_filter"),
            (json!({ "filter": { "name": 1 } }), "bad_filter"),
            (json!({ "filter": { "open": "true" } }), "bad_filter"),
            (json!({ "filter": { "groups": ["adm"] } }), "bad_filter"),
            (json!({ "limit": 0 }), "bad_limit"),
            (json!({ "limit": 10001 }), "bad_limit"),
        ] {
            let read = || -> Result<Vec<Row>, SystemError> { panic!("it was read") };
            let fault = Fault::from(select(Some(&args(given.clone())), read).err().unwrap());
            assert_eq!((fault.code(), fault.status().as_u16()), (code, 400), "{given}");
        }
        let error = select(Some(&args(json!({ "sort": "size" }))), rows).err().unwrap();
        let fault = Fault::from(error);
        assert!(fault.message().contains("id, name, share, open, groups"), "{fault}");
        assert_eq!(fault.detail(), Some(&json!({ "columns": ["id", "name", "share", "open", "groups"] })));
    }
}
