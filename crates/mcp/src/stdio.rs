//! Serving one client over a pair of byte streams: standard input and output, or any other.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Options, server};

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The client's first messages were no MCP, or the answer to them could not be written.
    #[error("the MCP session could not begin: {0}")]
    Begin(String),
    /// The session's own task was lost.
    #[error("the MCP session broke: {0}")]
    Broken(String),
}

/// Serves one client over standard input and output until it closes its end. Logs must go to standard error.
pub async fn serve_stdio(options: Options) -> Result<(), ServeError> {
    let (read, write) = rmcp::transport::stdio_pipes();
    serve(options, read, write).await
}

/// Serves one client over these streams, one JSON message a line, until it closes its end.
pub async fn serve<R, W>(options: Options, read: R, write: W) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let session = rmcp::serve_server(server::Server::new(options), (read, write)).await;
    let session = session.map_err(|error| ServeError::Begin(error.to_string()))?;
    session.waiting().await.map(drop).map_err(|error| ServeError::Broken(error.to_string()))
}
