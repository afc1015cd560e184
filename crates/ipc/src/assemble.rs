//! Between a request's fields and the three places where they travel: path, query string and JSON body.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use schemars::Schema;
use serde_json::{Map, Value};

use crate::{
    endpoint::{EndpointInfo, Method},
    fault::Fault,
};

/// What stays as it is in a path segment: the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What text from a path or a query string must become for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    Json,
}

/// The kinds of an endpoint's fields, read once from its schema.
#[derive(Debug, Default)]
pub(crate) struct Fields(HashMap<String, Kind>);

impl Fields {
    pub(crate) fn of(schema: &Schema) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        Self(properties.into_iter().flatten().map(|(name, field)| (name.clone(), kind(field))).collect())
    }

    /// The request as JSON, from the path's parameters, the query string and the body.
    pub(crate) fn assemble<'a>(
        &self,
        info: &EndpointInfo,
        path: impl Iterator<Item = (&'a str, &'a str)>,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Value, Fault> {
        let mut fields = if body.is_empty() { Map::new() } else { object(body)? };
        if info.method.has_body() {
            if query.is_some_and(|query| !query.is_empty()) {
                return Err(invalid("this call takes its fields in a JSON body, not in the query string"));
            }
        } else {
            for (name, text) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
                let value = self.read(&name, &text)?;
                if fields.insert(name.clone().into_owned(), value).is_some() {
                    return Err(invalid(format!("field {name:?} is given twice")));
                }
            }
        }
        for (name, raw) in path {
            let text = percent_decode_str(raw).decode_utf8().map_err(|_| invalid("the path is not UTF-8"))?;
            let value = self.read(name, &text)?;
            if fields.insert(name.to_owned(), value).is_some() {
                return Err(invalid(format!("field {name:?} stands in the path; leave it out elsewhere")));
            }
        }
        Ok(Value::Object(fields))
    }

    fn read(&self, name: &str, text: &str) -> Result<Value, Fault> {
        let wrong = |what: &str| invalid(format!("field {name:?} must be {what}, not {text:?}"));
        match self.0.get(name).copied().unwrap_or(Kind::Text) {
            Kind::Text => Ok(Value::from(text)),
            Kind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong("an integer")),
            Kind::Number => {
                text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from).ok_or_else(|| wrong("a number"))
            }
            Kind::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| wrong("true or false")),
            Kind::Json => serde_json::from_str(text).map_err(|_| wrong("JSON")),
        }
    }
}

fn kind(field: &Value) -> Kind {
    let named = |name: &str| match name {
        "integer" => Some(Kind::Integer),
        "number" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        "array" | "object" => Some(Kind::Json),
        "string" => Some(Kind::Text),
        _ => None,
    };
    match field.get("type") {
        Some(Value::String(name)) => named(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find_map(named),
        _ => None,
    }
    .unwrap_or(Kind::Text)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(invalid("the body must be a JSON object")),
        Err(error) => Err(invalid_json(&error)),
    }
}

/// 400 `invalid_request`.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::bad_request("invalid_request", message)
}

/// 400 for a body that does not parse (`invalid_json`) or does not fit (`invalid_request`).
pub(crate) fn invalid_json(error: &serde_json::Error) -> Fault {
    match error.classify() {
        serde_json::error::Category::Data => invalid(error.to_string()),
        _ => Fault::bad_request("invalid_json", format!("the body is not JSON: {error}")),
    }
}

/// Where a request goes: the path with its query string, and the body.
pub(crate) fn disassemble(info: &EndpointInfo, request: Value) -> Result<(String, Vec<u8>), Fault> {
    let mut fields = match request {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        _ => return Err(invalid("a request must be a JSON object")),
    };
    let mut target = String::with_capacity(info.path.len() + 32);
    for segment in info.path.split('/').skip(1) {
        target.push('/');
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            target.push_str(segment);
            continue;
        };
        let value = fields.remove(name).filter(|value| !value.is_null());
        let text = text_of(value.ok_or_else(|| invalid(format!("missing field `{name}`")))?);
        if text.is_empty() {
            return Err(invalid(format!("field `{name}` must not be empty")));
        }
        target.extend(utf8_percent_encode(&text, SEGMENT));
    }
    if info.method == Method::Post {
        let body = serde_json::to_vec(&fields).map_err(Fault::internal)?;
        return Ok((target, body));
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        if !value.is_null() {
            query.append_pair(&name, &text_of(value));
        }
    }
    let query = query.finish();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    Ok((target, Vec::new()))
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => serde_json::to_string(&other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::endpoint::{Effect, Endpoint};

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Everything {
        id: String,
        count: Option<i64>,
        share: Option<f64>,
        all: Option<bool>,
        tags: Option<Vec<String>>,
    }

    struct Get;
    impl Endpoint for Get {
        const NAME: &'static str = "get";
        const METHOD: Method = Method::Get;
        const PATH: &'static str = "/thing/{id}/part";
        const EFFECT: Effect = Effect::Read;
        const ABOUT: &'static str = "";
        type Request = Everything;
        type Response = ();
    }

    fn round_trip(request: Value) -> Result<Value, Fault> {
        let info = EndpointInfo::of::<Get>();
        let (target, body) = disassemble(&info, request)?;
        let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
        let id = path.strip_prefix("/thing/").unwrap().strip_suffix("/part").unwrap();
        Fields::of(&(info.request_schema)()).assemble(&info, [("id", id)].into_iter(), query, &body)
    }

    #[test]
    fn every_kind_of_field_survives_path_and_query() {
        for request in [
            json!({"id": "plain"}),
            json!({"id": "a/b?c=d&e %|ü", "count": -3, "share": 0.5, "all": true, "tags": ["x,y", "&=z"]}),
            json!({"id": "..", "count": i64::MAX}),
        ] {
            assert_eq!(round_trip(request.clone()).unwrap(), request);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let info = EndpointInfo::of::<Get>();
        let fields = Fields::of(&(info.request_schema)());
        let cases: [(&str, &str, &[u8], &str); 7] = [
            ("x", "count=many", b"", "count"),
            ("x", "share=NaN", b"", "share"),
            ("x", "all=1", b"", "all"),
            ("x", "tags=[", b"", "tags"),
            ("x", "id=again", b"", "id"),
            ("%ff", "", b"", "UTF-8"),
            ("x", "", b"[1]", "object"),
        ];
        for (id, query, body, named) in cases {
            let fault = fields.assemble(&info, [("id", id)].into_iter(), Some(query), body).unwrap_err();
            assert!(fault.message().contains(named), "{query}: {fault}");
        }
        assert!(disassemble(&info, json!({})).unwrap_err().message().contains("id"));
        assert!(disassemble(&info, json!({"id": ""})).is_err());
    }
}
