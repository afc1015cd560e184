//! An answer on its way out: a whole body or one that comes bit by bit.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;

use crate::{
    desk::{KeptAnswer, REPLAYED_HEADER},
    raw::{RawAnswer, RawBody},
    request_id::{REQUEST_ID, RequestId},
};

type Bits = BoxStream<'static, Result<Frame<Bytes>, Infallible>>;

/// What the server sends.
pub(super) type AnswerBody = Either<Full<Bytes>, StreamBody<Bits>>;

/// An answer before the request's id is put on it.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: AnswerBody,
}

const JSON: &str = "application/json";

impl Answer {
    /// 200 with one JSON document.
    pub(super) fn json(body: Bytes) -> Self {
        Self::whole(StatusCode::OK, JSON, body)
    }

    pub(super) fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let mut headers = room();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: Either::Left(Full::new(body)) }
    }

    /// An earlier answer once more.
    pub(super) fn again(kept: KeptAnswer) -> Self {
        Self::whole(kept.status, JSON, kept.body).with(REPLAYED_HEADER, "true")
    }

    /// 202 with a receipt, and where to ask for it.
    pub(super) fn accepted(id: &str, receipt: Bytes) -> Self {
        Self::whole(StatusCode::ACCEPTED, JSON, receipt)
            .with("location", &format!("/requests/{id}"))
            .with("preference-applied", "respond-async")
    }

    /// 101: the connection is a WebSocket from here on.
    pub(super) fn websocket(accept: &str) -> Self {
        let mut headers = room();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let answer = Self { status: StatusCode::SWITCHING_PROTOCOLS, headers, body: Either::Left(Full::default()) };
        answer.with("sec-websocket-accept", accept)
    }

    /// With one more header; a value that can't stand in one is left out.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(super) fn respond(self, id: &RequestId) -> Response<AnswerBody> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(REQUEST_ID.clone(), id.into());
        response
    }
}

/// For what an answer has, hyper's `date` and `content-length` among them: a table that grows later is built twice.
fn room() -> HeaderMap {
    HeaderMap::with_capacity(6)
}

impl From<RawAnswer> for Answer {
    fn from(raw: RawAnswer) -> Self {
        let body = match raw.body {
            RawBody::Whole(body) => Either::Left(Full::new(body)),
            RawBody::Stream(stream) => {
                let bits: Bits = stream.map(|bytes| Ok(Frame::data(bytes))).boxed();
                Either::Right(StreamBody::new(bits))
            }
        };
        let mut headers = room();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(raw.cache));
        if let Ok(value) = HeaderValue::from_str(&raw.content_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        Self { status: StatusCode::OK, headers, body }
    }
}
