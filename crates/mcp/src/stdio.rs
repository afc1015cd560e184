//! Serving one client over a pair of byte streams: standard input and output, or any other.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rmcp::service::ServerInitializeError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use crate::{Options, server::Server};

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system gave no random bytes for this session's key.
    #[error("this session has no key: {0}")]
    Key(String),
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
    let gone = CancellationToken::new();
    let read = Watched { inner: read, gone: gone.clone() };
    let server = Server::new(&options, gone)?;
    match rmcp::serve_server(server, (read, write)).await {
        Ok(session) => session.waiting().await.map(drop).map_err(|error| ServeError::Broken(error.to_string())),
        // A client that asks what is here and leaves has got what it wanted.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(ServeError::Begin(error.to_string())),
    }
}

/// Tells when the client has closed its end. The session learns it too, but gives what waits on the client five
/// seconds more before it ends it.
struct Watched<R> {
    inner: R,
    gone: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        match &polled {
            Poll::Ready(Ok(())) if buffer.filled().len() > before || buffer.remaining() == 0 => {}
            Poll::Ready(_) => self.gone.cancel(),
            Poll::Pending => {}
        }
        polled
    }
}
