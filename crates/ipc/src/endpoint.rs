//! One definition of an endpoint, from which the route, the typed call, the MCP tool and the OpenAPI page all come.

use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The largest request body an endpoint takes unless it says otherwise: 1 MiB.
pub const DEFAULT_BODY_LIMIT: usize = 1 << 20;

/// How long a handler may run unless its endpoint says otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// The HTTP method of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads; fields that are not in the path travel in the query string.
    Get,
    /// Acts; fields that are not in the path travel in a JSON body.
    Post,
    /// Removes; fields that are not in the path travel in the query string.
    Delete,
}

impl Method {
    /// The method's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// Whether fields outside the path travel in a body, not in the query string.
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Post)
    }
}

impl From<Method> for http::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Delete => Self::DELETE,
        }
    }
}

/// What a call does to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Adds or changes something of osmoda's own.
    Write,
    /// May destroy, or change the machine: recorded before and after, and gated.
    Destructive,
}

/// Which roles may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Operators, agents and the suite's own daemons.
    Any,
    /// The suite's own daemons, and operators.
    Daemon,
    /// Operators alone.
    Operator,
}

/// What the ledger keeps of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Nothing.
    Nothing,
    /// One event after it ended.
    Outcome,
    /// One event before it starts, without which it does not start, and one after it ended.
    IntentAndOutcome,
}

impl Record {
    /// What is recorded of a call with this effect when its endpoint says nothing else.
    pub const fn of(effect: Effect) -> Self {
        match effect {
            Effect::Read => Self::Nothing,
            Effect::Write => Self::Outcome,
            Effect::Destructive => Self::IntentAndOutcome,
        }
    }
}

/// A thing that can be asked of a daemon.
///
/// `PATH` may hold `{field}` segments, each filled from the field of that name. Everything else of `Request` travels
/// in the query string (GET, DELETE) or as a JSON body (POST).
pub trait Endpoint: Send + Sync + 'static {
    /// The stable name in snake_case: the MCP tool's name, the OpenAPI operation and the ledger's event type.
    const NAME: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path template.
    const PATH: &'static str;
    /// What it does to the machine.
    const EFFECT: Effect;
    /// One line for people and models.
    const ABOUT: &'static str;
    /// Who may call it.
    const ACCESS: Access = Access::Any;
    /// What the ledger keeps of it.
    const RECORD: Record = Record::of(Self::EFFECT);
    /// Whether leave is asked for before it starts.
    const GATED: bool = matches!(Self::EFFECT, Effect::Destructive);
    /// The largest body in bytes.
    const BODY_LIMIT: usize = DEFAULT_BODY_LIMIT;
    /// How long the handler may take.
    const DEADLINE: Duration = DEFAULT_DEADLINE;

    /// What is asked.
    type Request: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// What is answered.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// What the ledger keeps of a request. Long strings are replaced by their length; an endpoint whose request
    /// carries content or secrets says here what stands for them.
    fn audit(request: &Self::Request) -> Value {
        crate::record::abridge(serde_json::to_value(request).unwrap_or(Value::Null))
    }

    /// What the ledger keeps of an answer; nothing unless the endpoint says what matters.
    fn receipt(_response: &Self::Response) -> Value {
        Value::Null
    }
}

/// An endpoint's facts as values: what tables, pages and routers are made from.
#[derive(Clone, Copy, Debug)]
pub struct EndpointInfo {
    /// See [`Endpoint::NAME`].
    pub name: &'static str,
    /// See [`Endpoint::METHOD`].
    pub method: Method,
    /// See [`Endpoint::PATH`].
    pub path: &'static str,
    /// See [`Endpoint::EFFECT`].
    pub effect: Effect,
    /// See [`Endpoint::ABOUT`].
    pub about: &'static str,
    /// See [`Endpoint::ACCESS`].
    pub access: Access,
    /// See [`Endpoint::RECORD`].
    pub record: Record,
    /// See [`Endpoint::BODY_LIMIT`].
    pub body_limit: usize,
    /// See [`Endpoint::DEADLINE`].
    pub deadline: Duration,
    /// Makes the JSON Schema (draft 2020-12) of the request.
    pub request_schema: fn() -> Schema,
    /// Makes the JSON Schema (draft 2020-12) of the response.
    pub response_schema: fn() -> Schema,
}

impl EndpointInfo {
    /// The facts of `E`.
    pub fn of<E: Endpoint>() -> Self {
        Self {
            name: E::NAME,
            method: E::METHOD,
            path: E::PATH,
            effect: E::EFFECT,
            about: E::ABOUT,
            access: E::ACCESS,
            record: E::RECORD,
            body_limit: E::BODY_LIMIT,
            deadline: E::DEADLINE,
            request_schema: || schemars::schema_for!(E::Request),
            response_schema: || {
                schemars::SchemaGenerator::new(schemars::generate::SchemaSettings::draft2020_12().for_serialize())
                    .into_root_schema_for::<E::Response>()
            },
        }
    }

    /// The names of the fields that stand in the path.
    pub fn path_fields(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}
