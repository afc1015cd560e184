//! Requests in absolute form: each is read whole, judged by itself, and written anew for the host it names.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client::conn::http1 as client, server::conn::http1 as server, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use osmoda_capability::{Authority, BadHost};

use super::{Proxy, connection::HEAD, head::LARGEST_HEAD, socket::Socket};
use crate::{
    book::{Ticket, Via},
    refusal::Refusal,
    tokens::credentials,
};

mod body;
mod rewound;

use self::{
    body::{Carried, Flow, Line, Uploaded},
    rewound::Rewound,
};

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What belongs to one connection and is not passed on (RFC 9110, 7.6.1), and what is the proxy's alone.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Serves requests until the client is done.
pub(super) async fn serve(proxy: Arc<Proxy>, socket: Socket, early: Vec<u8>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let proxy = proxy.clone();
        async move { Ok::<_, Infallible>(answer(&proxy, request).await) }
    });
    let io = TokioIo::new(Rewound::new(early, socket));
    let mut http = server::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LARGEST_HEAD).half_close(false);
    // Whatever goes wrong here is the client's doing, and it is gone.
    let _ = http.serve_connection(io, service).await;
}

/// What is asked for, once it is certain.
struct Asked {
    authority: Authority,
    port: u16,
    token: Option<String>,
}

async fn answer(proxy: &Arc<Proxy>, request: Request<Incoming>) -> Response<Body> {
    let asked = asked(&request);
    let to = asked.as_ref().map_or_else(|_| String::new(), |asked| format!("{}:{}", asked.authority.host, asked.port));
    let token = only(request.headers(), &header::PROXY_AUTHORIZATION).ok().flatten();
    let token = token.and_then(|field| credentials(field.to_str().ok()?));
    let result = match asked {
        Ok(asked) => forward(proxy, request, asked).await,
        Err(refusal) => Err((refusal, false)),
    };
    result.unwrap_or_else(|(refusal, told)| {
        if !told {
            let id = token.and_then(|token| proxy.tokens.id_of(&token));
            proxy.reporter.refused(&refusal, id.as_deref(), &to);
        }
        refused(&refusal)
    })
}

fn asked<B>(request: &Request<B>) -> Result<Asked, Refusal> {
    let bad = Refusal::BadRequest;
    let uri = request.uri();
    if request.method() == Method::CONNECT {
        return Err(bad("CONNECT must be a connection's first request"));
    }
    if uri.scheme_str() != Some("http") {
        return Err(bad("a proxy takes requests with a whole http:// address; for https, use CONNECT"));
    }
    let authority = Authority::parse(uri.authority().map(http::uri::Authority::as_str).unwrap_or_default())?;
    let port = authority.port.unwrap_or(80);
    let headers = request.headers();
    let host = only(headers, &header::HOST)?;
    if let Some(host) = host {
        let host = Authority::parse(host.to_str().map_err(|_| BadHost::Character)?)?;
        if host.host != authority.host || host.port.unwrap_or(80) != port {
            return Err(bad("Host names another host than the address does"));
        }
    }
    if headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH) {
        return Err(bad("a body has one length, not two"));
    }
    only(headers, &header::CONTENT_LENGTH)?;
    if only(headers, &header::TRANSFER_ENCODING)?.is_some_and(|coding| coding != "chunked") {
        return Err(bad("a body is chunked or has a length"));
    }
    let token = only(headers, &header::PROXY_AUTHORIZATION)?.map(|field| {
        let none = || bad("Proxy-Authorization is neither Basic nor Bearer");
        field.to_str().ok().and_then(credentials).ok_or_else(none)
    });
    Ok(Asked { token: token.transpose()?, authority, port })
}

/// A field that stands at most once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Refusal::BadRequest("a field that stands once stands twice")),
    }
}

/// The answer; or why not, and whether that was told already.
async fn forward(
    proxy: &Arc<Proxy>,
    request: Request<Incoming>,
    asked: Asked,
) -> Result<Response<Body>, (Refusal, bool)> {
    let settings = proxy.settings();
    let Asked { authority, port, token } = asked;
    let host = authority.host;
    let pass = proxy.authorise(&settings, token.as_deref(), &host, port).map_err(|refusal| (refusal, false))?;
    let mut ticket = proxy.book.open(&proxy.reporter, pass.claims, (host.to_string(), port), Via::Request);
    let entry = ticket.entry.clone();
    let bad = |refusal: Refusal, ticket: &mut Ticket| {
        ticket.end(refusal.code());
        (refusal, true)
    };
    let dialled = tokio::select! {
        biased;
        why = entry.cut() => return Err(cut(why)),
        dialled = proxy.dial(&settings, &host, port) => dialled,
    };
    let (stream, address) = dialled.map_err(|refusal| bad(refusal, &mut ticket))?;
    let _ = entry.address.set(address);
    let no_web = || Refusal::BadAnswer(host.to_string());
    let mut http = client::Builder::new();
    http.max_buf_size(65_536);
    let (mut sender, connection) = http
        .handshake::<_, Uploaded>(TokioIo::new(Socket::Tcp(stream)))
        .await
        .map_err(|_| bad(no_web(), &mut ticket))?;
    let line = Line::new(async move { drop(connection.await) });
    let flow = Flow::new(ticket, pass.meter, pass.slots);
    let request = outgoing(request, &host.to_string(), port).map_err(|refusal| (refusal, true))?;
    let request = request.map(|body| Uploaded::new(body, flow.clone()));
    let response = tokio::select! {
        biased;
        why = entry.cut() => {
            flow.end(why);
            return Err(cut(why));
        }
        response = sender.send_request(request) => response,
    };
    let response = response.map_err(|_| {
        flow.end(no_web().code());
        (no_web(), true)
    })?;
    Ok(incoming(response).map(|body| Carried::new(body, flow, line).boxed_unsync()))
}

/// A request for the host itself: its path, its own Host, and nothing of the connection it came over.
fn outgoing<B>(mut request: Request<B>, host: &str, port: u16) -> Result<Request<B>, Refusal> {
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    *request.version_mut() = Version::HTTP_11;
    let host = if port == 80 { host.to_owned() } else { format!("{host}:{port}") };
    let host = HeaderValue::try_from(host).map_err(|_| BadHost::Character)?;
    strip(request.headers_mut());
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

fn incoming<B>(mut response: Response<B>) -> Response<B> {
    strip(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    response
}

/// Takes away what belongs to one connection, and what its Connection field names.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain([&KEEP_ALIVE]).chain(&named) {
        headers.remove(name);
    }
}

fn cut(why: &'static str) -> (Refusal, bool) {
    (Refusal::Token { code: why, why: "the connection was cut".into() }, true)
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let mut response =
        Response::new(Full::new(Bytes::from(refusal.body())).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert("x-osmoda-code", HeaderValue::from_static(refusal.code()));
    if matches!(refusal, Refusal::NoToken | Refusal::Token { .. }) {
        let ask = HeaderValue::from_static("Basic realm=\"osmoda\", charset=\"UTF-8\"");
        headers.insert(header::PROXY_AUTHENTICATE, ask);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_is_certain_or_refused() {
        for (request, result) in [
            (request("GET", "http://a.org/x", &[]), Ok("a.org:80")),
            (request("GET", "http://A.org.:8080/x", &[("host", "a.org:8080")]), Ok("a.org:8080")),
            (request("GET", "http://a.org/", &[("host", "a.org:80")]), Ok("a.org:80")),
            (request("GET", "http://a.org/", &[("host", "b.org")]), Err("bad_request")),
            (request("GET", "http://a.org/", &[("host", "a.org"), ("host", "a.org")]), Err("bad_request")),
            (request("GET", "http://a.org/", &[("host", "a.org:8080")]), Err("bad_request")),
            (request("GET", "http://user@a.org/", &[]), Err("bad_host")),
            (request("GET", "http://user:pass@a.org/", &[]), Err("bad_host")),
            (request("GET", "http://127.1/", &[]), Err("bad_host")),
            (request("GET", "http://0177.0.0.1/", &[]), Err("bad_host")),
            (request("GET", "https://a.org/", &[]), Err("bad_request")),
            (request("GET", "ftp://a.org/", &[]), Err("bad_request")),
            (request("GET", "/x", &[("host", "a.org")]), Err("bad_request")),
            (request("CONNECT", "a.org:443", &[]), Err("bad_request")),
            (
                request("POST", "http://a.org/", &[("content-length", "5"), ("transfer-encoding", "chunked")]),
                Err("bad_request"),
            ),
            (request("POST", "http://a.org/", &[("content-length", "5"), ("content-length", "6")]), Err("bad_request")),
            (request("POST", "http://a.org/", &[("transfer-encoding", "gzip, chunked")]), Err("bad_request")),
            (
                request(
                    "GET",
                    "http://a.org/",
                    &[("proxy-authorization", "Bearer a"), ("proxy-authorization", "Bearer b")],
                ),
                Err("bad_request"),
            ),
        ] {
            let got = asked(&request).map(|asked| format!("{}:{}", asked.authority.host, asked.port));
            let got = got.as_deref().map_err(Refusal::code);
            assert_eq!(got, result, "{request:?}");
        }
    }

    #[test]
    fn what_goes_out_names_its_host_once_and_nothing_of_the_proxy() {
        let fields = [
            ("host", "a.org"),
            ("proxy-authorization", "Bearer secret"),
            ("proxy-connection", "keep-alive"),
            ("connection", "x-secret, keep-alive"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("upgrade", "websocket"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ];
        let out = outgoing(request("GET", "http://A.org/x?y=z", &fields), "a.org", 80).unwrap();
        assert_eq!(out.uri(), "/x?y=z");
        let names: Vec<_> =
            out.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(names, [("host", "a.org"), ("accept", "*/*")]);
        let out = outgoing(request("GET", "http://a.org:81", &[]), "a.org", 81).unwrap();
        assert_eq!((out.uri().to_string().as_str(), out.headers()[header::HOST].to_str().unwrap()), ("/", "a.org:81"));
    }
}
