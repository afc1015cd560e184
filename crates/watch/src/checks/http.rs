//! One HTTP exchange, plain or over TLS, on a connection of its own.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Where systems keep the certificates that they trust.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/// How many bytes of a body are read.
const LARGEST: usize = 64 << 10;

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: http::HeaderMap,
    /// Its first 64 KiB.
    pub(super) body: Vec<u8>,
}

/// A URL that can be asked: scheme and host, no name and password.
pub(super) fn checked(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    let fits = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if fits { Ok(uri) } else { Err(format!("{url:?} is no URL such as https://127.0.0.1:8443/health")) }
}

/// Asks once. Redirections are answers like others.
pub(super) async fn get(uri: &Uri, ca_file: Option<&Path>) -> Result<Answer, String> {
    let request = head(Request::get(target(uri)), uri)?.body(Full::default()).map_err(|error| error.to_string())?;
    exchange(uri, ca_file, request).await
}

/// Posts JSON; any status of 200 to 299 is good.
pub(crate) async fn post(url: &str, ca_file: Option<PathBuf>, value: &Value) -> Result<(), String> {
    let uri = checked(url)?;
    let body = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    let request = head(Request::post(target(&uri)), &uri)?
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body))
        .map_err(|error| error.to_string())?;
    let answer = exchange(&uri, ca_file.as_deref(), request).await?;
    if answer.status.is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status)) }
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

fn head(request: http::request::Builder, uri: &Uri) -> Result<http::request::Builder, String> {
    let host = uri.authority().ok_or("no host")?.as_str();
    Ok(request
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("osmoda-watch/", env!("CARGO_PKG_VERSION"))))
}

async fn exchange(uri: &Uri, ca_file: Option<&Path>, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let host = uri.host().ok_or("no host")?.trim_matches(['[', ']']).to_owned();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| error.to_string())?;
    if !is_tls {
        return over(stream, request).await;
    }
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let config = match ca_file {
        Some(file) => trusting(&[file])?,
        None => trusting_the_system()?,
    };
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| error.to_string())?;
    over(stream, request).await
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let answering = async { sender.send_request(request).await.map_err(|error| error.to_string()) };
    let driving = tokio::spawn(connection);
    let response = answering.await;
    let answer = match response {
        Ok(response) => read(response).await,
        Err(error) => Err(error),
    };
    driving.abort();
    answer
}

async fn read(response: Response<Incoming>) -> Result<Answer, String> {
    let (parts, body) = response.into_parts();
    let mut body = Limited::new(body, LARGEST * 16);
    let mut bytes = Vec::new();
    while bytes.len() < LARGEST {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            // What came counts: a server that hangs up without TLS's farewell is still a server.
            Some(Err(_)) | None => break,
        }
    }
    bytes.truncate(LARGEST);
    Ok(Answer { status: parts.status, headers: parts.headers, body: bytes })
}

/// With the system's certificates, read once.
fn trusting_the_system() -> Result<Arc<ClientConfig>, String> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = SYSTEM.get() {
        return Ok(config.clone());
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let config = trusting(&[bundle.ok_or("this system has no certificates to trust (ca-certificates)")?])?;
    Ok(SYSTEM.get_or_init(|| config).clone())
}

fn trusting(files: &[&Path]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    for file in files {
        let all = CertificateDer::pem_file_iter(file).map_err(|error| format!("{}: {error}", file.display()))?;
        roots.add_parsable_certificates(all.flatten());
    }
    if roots.is_empty() {
        return Err("there is no certificate to trust in the file".into());
    }
    let provider = Arc::new(rustls_graviola::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
