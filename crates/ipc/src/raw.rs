//! Routes that answer with something other than one JSON document: pages, files, streams. All of them are GET and
//! change nothing.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http::HeaderMap;

use crate::{assemble::invalid, endpoint::Access, fault::Fault};

/// The facts of a raw route: what tables and pages are made from.
#[derive(Clone, Copy, Debug)]
pub struct RawInfo {
    /// The stable name in snake_case, for metrics, logs and the OpenAPI page.
    pub name: &'static str,
    /// The path template; `{*rest}` at its end takes everything that follows.
    pub path: &'static str,
    /// What it answers with.
    pub content_type: &'static str,
    /// Who may call it.
    pub access: Access,
    /// One line for people.
    pub about: &'static str,
}

/// What a raw route is asked.
#[derive(Clone, Debug)]
pub struct RawRequest {
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    /// The request's headers.
    pub headers: HeaderMap,
}

impl RawRequest {
    /// The part of the path that stood for `name` in the template, as it was sent.
    pub fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// A field of the query string, decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// 400 `invalid_request` where the query string holds other fields than these, or one of them twice.
    pub fn only(&self, names: &[&str]) -> Result<(), Fault> {
        for (n, (name, _)) in self.query.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                return Err(invalid(format!("there is no field {name:?}; there are {}", names.join(", "))));
            }
            if self.query.iter().take(n).any(|(other, _)| other == name) {
                return Err(invalid(format!("field {name:?} is given twice")));
            }
        }
        Ok(())
    }
}

/// What a raw route answers, always with status 200.
pub struct RawAnswer {
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) cache: &'static str,
    pub(crate) body: RawBody,
}

pub(crate) enum RawBody {
    Whole(Bytes),
    Stream(BoxStream<'static, Bytes>),
}

impl RawAnswer {
    /// One whole body.
    pub fn whole(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), cache: "no-store", body: RawBody::Whole(body.into()) }
    }

    /// A body that comes bit by bit, and is read no faster than the caller takes it. It is dropped when the caller hangs
    /// up; it must end by itself when the daemon stops.
    pub fn stream(content_type: &'static str, body: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self { content_type: content_type.into(), cache: "no-store", body: RawBody::Stream(body.boxed()) }
    }

    /// The value of its `Cache-Control` header; `no-store` unless it is said otherwise.
    #[must_use]
    pub fn cached(mut self, cache: &'static str) -> Self {
        self.cache = cache;
        self
    }
}

impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAnswer").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_repeated_fields_are_refused() {
        let asked = |fields: &[&str]| RawRequest {
            path: vec![],
            query: fields.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect(),
            headers: HeaderMap::new(),
        };
        assert!(asked(&["types", "cursor"]).only(&["types", "cursor"]).is_ok());
        assert_eq!(asked(&["kind"]).only(&["types"]).unwrap_err().code(), "invalid_request");
        assert_eq!(asked(&["types", "types"]).only(&["types"]).unwrap_err().code(), "invalid_request");
    }
}
