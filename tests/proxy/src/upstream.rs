//! Connections to the real API server, one for each that the controller makes, and single requests of one's own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::{Identity, TlsError, connector};

/// Why the API server gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it ended.
    #[error("cannot reach the API server: {0}")]
    Connection(#[from] std::io::Error),
    /// It does not speak HTTP as it should, or stopped in the middle.
    #[error("the API server broke off: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written down.
    #[error("this is no HTTP request: {0}")]
    Request(#[from] http::Error),
    /// The answer is not JSON.
    #[error("the API server's answer is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The real API server.
#[derive(Clone)]
pub struct Upstream {
    address: SocketAddr,
    connector: TlsConnector,
    /// The connection of the last request of one's own.
    kept: Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>,
}

/// A whole answer to a request of one's own.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The object, or what the API server said instead.
    pub object: Value,
}

impl Upstream {
    /// The server at that address, whose certificate the CA in the file `ca` has signed.
    pub fn new(address: SocketAddr, ca: &Path, identity: Option<&Identity>) -> Result<Self, TlsError> {
        Ok(Self { address, connector: connector(ca, identity)?, kept: Arc::default() })
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, UpstreamError> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let tls = self.connector.connect(ServerName::from(self.address.ip()), socket).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        // It ends with the sender; a failure shows at the request that it is for.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// This connection, or a new one if it is closed or there is none.
    pub(crate) async fn usable(
        &self,
        kept: Option<SendRequest<Full<Bytes>>>,
    ) -> Result<SendRequest<Full<Bytes>>, UpstreamError> {
        if let Some(mut sender) = kept
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        self.open().await
    }

    /// One request of one's own, on a connection that is kept for the next. `object` is sent as JSON, a patch as a merge patch.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        object: Option<&Value>,
    ) -> Result<Answer, UpstreamError> {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = object.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header(HOST, self.address.to_string());
        let request = request.header(CONTENT_TYPE, kind).body(Full::new(Bytes::from(body)))?;
        let mut kept = self.kept.lock().await;
        let mut sender = self.usable(kept.take()).await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        *kept = Some(sender);
        Ok(Answer { status, object: serde_json::from_slice(&body)? })
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}
