//! The OpenAPI 3.1 page of a daemon, made from its endpoints.

use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::{
    endpoint::{Access, EndpointInfo},
    raw::RawInfo,
    websocket::WebSocketInfo,
};

/// The page of `daemon` with these endpoints, raw routes and WebSockets, in the order of their paths.
pub fn page(daemon: &str, endpoints: &[EndpointInfo], raw: &[RawInfo], websockets: &[WebSocketInfo]) -> Value {
    let mut sorted: Vec<&EndpointInfo> = endpoints.iter().collect();
    sorted.sort_by_key(|info| (info.path, info.method.as_str()));
    let mut paths = Map::new();
    for info in sorted {
        let methods = paths.entry(info.path).or_insert_with(|| json!({}));
        methods[info.method.as_str().to_lowercase()] = operation(info);
    }
    for info in raw {
        paths.entry(info.path).or_insert_with(|| json!({}))["get"] = raw_operation(info);
    }
    for info in websockets {
        paths.entry(info.path).or_insert_with(|| json!({}))["get"] = websocket_operation(info);
    }
    paths.sort_keys();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": { "title": format!("osmoda {daemon}"), "version": env!("CARGO_PKG_VERSION"), "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "paths": paths,
        "components": { "schemas": { "Fault": Value::from(schemars::schema_for!(crate::fault::Envelope)) } },
    })
}

fn operation(info: &EndpointInfo) -> Value {
    let request = (info.request_schema)();
    let in_path: Vec<&str> = info.path_fields().collect();
    let mut parameters: Vec<Value> = in_path.iter().map(|name| parameter(&request, name, "path")).collect();
    let mut operation = json!({
        "operationId": info.name,
        "summary": info.about,
        "x-effect": info.effect,
        "x-access": word(info.access),
        "responses": {
            "200": { "description": "done", "content": { "application/json": { "schema": inlined(&(info.response_schema)()) } } },
            "default": { "description": "a fault", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Fault" } } } },
        },
    });
    if info.method.has_body() {
        let body = without(&request, &in_path);
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": body } } });
    } else {
        let rest = fields(&request).into_iter().filter(|name| !in_path.contains(&name.as_str()));
        parameters.extend(rest.map(|name| parameter(&request, &name, "query")));
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::from(parameters);
    }
    operation
}

fn raw_operation(info: &RawInfo) -> Value {
    let content_type = info.content_type;
    let names = info.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| json!({ "name": name.trim_start_matches('*'), "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    json!({
        "operationId": info.name,
        "summary": info.about,
        "x-effect": "read",
        "x-access": word(info.access),
        "parameters": parameters,
        "responses": {
            "200": { "description": "done", "content": { content_type: {} } },
            "default": { "description": "a fault", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Fault" } } } },
        },
    })
}

fn websocket_operation(info: &WebSocketInfo) -> Value {
    json!({
        "operationId": info.name,
        "summary": info.about,
        "x-effect": "destructive",
        "x-access": word(info.access),
        "responses": {
            "101": { "description": "a WebSocket (RFC 6455)" },
            "default": { "description": "a fault", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Fault" } } } },
        },
    })
}

fn word(access: Access) -> &'static str {
    match access {
        Access::Any => "any",
        Access::Daemon => "daemon",
        Access::Operator => "operator",
    }
}

fn fields(schema: &Schema) -> Vec<String> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn parameter(schema: &Schema, name: &str, place: &str) -> Value {
    let required =
        schema.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|field| field == name));
    let field = inlined(schema).get("properties").and_then(|all| all.get(name)).cloned().unwrap_or_else(|| json!({}));
    json!({ "name": name, "in": place, "required": required, "schema": field })
}

fn without(schema: &Schema, names: &[&str]) -> Value {
    let mut schema = inlined(schema);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| !names.contains(&name.as_str()));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !names.contains(&name)));
    }
    schema
}

/// The schema without `$schema` and with its `$defs` put in place, so that it can stand anywhere in a page.
pub fn inlined(schema: &Schema) -> Value {
    let mut value = schema.clone().to_value();
    let definitions = value.as_object_mut().and_then(|object| {
        object.remove("$schema");
        object.remove("$defs")
    });
    resolve(&mut value, &definitions.unwrap_or_default(), 0);
    value
}

fn resolve(value: &mut Value, definitions: &Value, depth: usize) {
    let target = value
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix("#/$defs/"))
        .and_then(|name| definitions.get(name))
        .cloned();
    // Our types do not nest in themselves; the bound keeps a mistake from hanging.
    if let (Some(mut target), true) = (target, depth < 16) {
        if let (Some(own), Some(into)) = (value.as_object(), target.as_object_mut()) {
            into.extend(own.iter().filter(|(key, _)| *key != "$ref").map(|(key, field)| (key.clone(), field.clone())));
        }
        *value = target;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| resolve(field, definitions, depth + 1)),
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, definitions, depth + 1)),
        _ => {}
    }
}
