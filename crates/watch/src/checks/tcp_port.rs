//! A port takes connections.

use serde::Deserialize;
use tokio::net::TcpStream;

use super::Saw;

/// Where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TcpPort {
    host: Option<String>,
    port: u16,
}

impl TcpPort {
    fn host(&self) -> &str {
        self.host.as_deref().unwrap_or("127.0.0.1")
    }

    pub(super) fn checked(&self) -> Result<String, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-:_".contains(c);
        if self.port == 0 || self.host().is_empty() || !self.host().chars().all(fits) {
            return Err("host is a name or an address, and port 1 to 65535".into());
        }
        Ok(format!("{}:{}", self.host(), self.port))
    }

    pub(super) async fn look(&self) -> Saw {
        match TcpStream::connect((self.host(), self.port)).await {
            Ok(_) => Saw::ok("it takes connections"),
            Err(error) => Saw::bad(error.to_string()),
        }
    }
}
