//! Schemas as clients like them: self-contained, and without what only this suite's generator says.
//!
//! Models read the arguments' schema on every turn, and several clients refuse or warn about `$ref`, `null` unions and
//! formats that no vocabulary knows.

use osmoda_ipc::openapi::inlined;
use schemars::Schema;
use serde_json::{Map, Value, json};

/// The schema of a tool's arguments.
pub(crate) fn of_input(schema: &Schema) -> Value {
    let mut value = cleaned(schema);
    if let Some(root) = value.as_object_mut() {
        // The tool's own description says it.
        root.remove("description");
        root.entry("properties").or_insert_with(|| json!({}));
    }
    value
}

/// The schema of a tool's structured content.
///
/// A failed call's structured content is the fault, and clients made with the TypeScript SDK hold that, too, against this
/// schema and show their own complaint in its place. So it asks for the result's fields or for the fault's.
pub(crate) fn of_output(schema: &Schema) -> Value {
    let mut value = cleaned(schema);
    if let Some(root) = value.as_object_mut()
        && let Some(required) = root.remove("required")
    {
        root.insert("anyOf".into(), json!([{ "required": required }, { "required": FAULT }]));
    }
    value
}

/// The fields by which a fault is known.
const FAULT: [&str; 3] = ["code", "message", "request_id"];

fn cleaned(schema: &Schema) -> Value {
    let mut value = inlined(schema);
    if let Some(root) = value.as_object_mut() {
        root.remove("title");
    }
    clean(&mut value);
    value
}

/// Formats of numbers, which JSON Schema's vocabulary does not have.
const NUMBER_FORMATS: [&str; 14] = [
    "int8", "int16", "int32", "int64", "int128", "int", "uint8", "uint16", "uint32", "uint64", "uint128", "uint",
    "float", "double",
];

fn clean(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.get("format").and_then(Value::as_str).is_some_and(|format| NUMBER_FORMATS.contains(&format)) {
        fields.remove("format");
    }
    // The daemon holds texts to their length, and says so; no model plans by it.
    fields.remove("maxLength");
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
    for keyword in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        fields.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten().for_each(clean);
    }
    for keyword in ["items", "additionalProperties"] {
        fields.get_mut(keyword).into_iter().for_each(clean);
    }
    merge_constants(fields);
    name_any_type(fields);
    split_types(fields);
    let required = fields.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| required.as_array().is_some_and(|all| all.iter().any(|field| field == name));
    for (name, field) in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        clean(field);
        if !is_required(name) {
            drop_null(field);
        }
    }
}

/// An absent field stands for null, so that null need not be allowed beside it.
fn drop_null(field: &mut Value) {
    let Some(fields) = field.as_object_mut() else { return };
    for keyword in ["anyOf", "oneOf"] {
        let Some(choices) = fields.get_mut(keyword).and_then(Value::as_array_mut) else { continue };
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            fields.remove(keyword);
            for (key, value) in only {
                fields.entry(key).or_insert(value);
            }
        }
    }
}

/// Several types in one `type` become a choice among schemas of one type each, which more clients understand.
fn split_types(fields: &mut Map<String, Value>) {
    let Some(names) = fields.get("type").and_then(Value::as_array).filter(|_| !fields.contains_key("anyOf")) else {
        return;
    };
    let choices: Vec<Value> = names.iter().map(|name| json!({ "type": name })).collect();
    fields.remove("type");
    fields.insert("anyOf".into(), Value::from(choices));
}

/// A choice among described constants becomes an `enum`: the values' names say what the descriptions did.
fn merge_constants(fields: &mut Map<String, Value>) {
    let Some(choices) = fields.get("oneOf").and_then(Value::as_array) else { return };
    let values: Option<Vec<Value>> =
        choices.iter().map(|choice| choice.get("const").filter(|value| value.is_string()).cloned()).collect();
    if let Some(values) = values {
        fields.remove("oneOf");
        fields.insert("type".into(), json!("string"));
        fields.insert("enum".into(), Value::from(values));
    }
}

/// Every type there is.
const ANY: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];

/// A schema that allows everything says so by naming every type: clients take one without keywords for a mistake.
fn name_any_type(fields: &mut Map<String, Value>) {
    if fields.keys().all(|key| ["title", "description", "default"].contains(&key.as_str())) {
        fields.insert("type".into(), json!(ANY));
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};
    use serde::{Deserialize, Serialize};

    use super::*;

    /// Of all kinds.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Everything {
        /// Needed.
        id: String,
        /// How many.
        #[serde(default)]
        count: Option<u32>,
        /// Which.
        kind: Kind,
        /// Maybe which.
        other: Option<Kind>,
        /// More.
        inner: Option<Inner>,
        /// Named like keywords.
        format: Option<String>,
        title: Option<f64>,
        default: Vec<Option<u64>>,
        map: Option<Map<String, Value>>,
        /// Whatever.
        any: Value,
    }

    /// A kind.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        /// The one.
        One,
        /// The other.
        Two,
    }

    /// Inner things.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Inner {
        /// How long, in seconds.
        secs: f32,
        /// A note.
        note: Option<String>,
    }

    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields)]
    struct Empty {}

    #[test]
    fn nothing_is_left_that_clients_stumble_over() {
        let expected = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["id", "kind", "default", "any"],
            "properties": {
                "id": { "type": "string", "description": "Needed." },
                "count": { "type": "integer", "minimum": 0, "description": "How many." },
                "kind": { "type": "string", "enum": ["one", "two"], "description": "Which." },
                "other": { "type": "string", "enum": ["one", "two"], "description": "Maybe which." },
                "inner": {
                    "type": "object", "description": "More.", "required": ["secs"],
                    "properties": {
                        "secs": { "type": "number", "description": "How long, in seconds." },
                        "note": { "type": "string", "description": "A note." },
                    },
                },
                "format": { "type": "string", "description": "Named like keywords." },
                "title": { "type": "number" },
                "default": { "type": "array", "items": { "anyOf": [{ "type": "integer" }, { "type": "null" }], "minimum": 0 } },
                "map": { "type": "object", "additionalProperties": true },
                "any": { "description": "Whatever.", "anyOf": json!(ANY).as_array().unwrap().iter().map(|name| json!({ "type": name })).collect::<Vec<_>>() },
            },
        });
        assert_eq!(of_input(&schema_for!(Everything)), expected);
    }

    #[test]
    fn arguments_always_have_properties_and_results_are_results_or_faults() {
        assert_eq!(
            of_input(&schema_for!(Empty)),
            json!({ "type": "object", "additionalProperties": false, "properties": {} })
        );
        let output = of_output(&schema_for!(Inner));
        assert_eq!(output["description"], "Inner things.");
        assert_eq!(
            output["anyOf"],
            json!([{ "required": ["secs"] }, { "required": ["code", "message", "request_id"] }])
        );
        assert!(output.get("required").is_none());
    }
}
