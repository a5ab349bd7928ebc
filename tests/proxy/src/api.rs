//! The proxy in front of the API server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request as HttpRequest, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

use crate::answer::{failure, object, whole};
use crate::engine::Engine;
use crate::lists::Body;
use crate::plan::{Fault, When};
use crate::request::Request;
use crate::tls::{Identity, TlsError, acceptor};
use crate::upstream::{Upstream, UpstreamError};
use crate::watch::keep_back;

/// Passes requests on to the API server, but for what the engine says.
#[derive(Clone)]
pub struct ApiProxy {
    acceptor: TlsAcceptor,
    upstream: Upstream,
    engine: Arc<Engine>,
}

/// Why a request gets no answer: its connection ends, as if the line had been cut.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("the plan says so")]
    Planned,
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the request broke off: {0}")]
    Http(#[from] hyper::Error),
}

/// One connection of the controller, and the one behind it.
struct Connection {
    proxy: ApiProxy,
    behind: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

type Asked = HttpRequest<Full<Bytes>>;
type Answered = Result<Response<Body>, Gone>;

impl ApiProxy {
    /// A proxy that shows `identity` to the controller. Credentials pass through, so they have to be tokens: a client
    /// certificate would end here.
    pub fn new(identity: &Identity, upstream: Upstream, engine: Arc<Engine>) -> Result<Self, TlsError> {
        Ok(Self { acceptor: acceptor(identity)?, upstream, engine })
    }

    /// Serves for ever.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            // A connection that fails is the client's to make again.
            tokio::spawn(self.clone().talk(socket));
        }
    }

    async fn talk(self, socket: TcpStream) -> Option<()> {
        let tls = self.acceptor.accept(socket).await.ok()?;
        let connection = Arc::new(Connection { proxy: self, behind: Mutex::default() });
        let service = service_fn(move |request| {
            let connection = connection.clone();
            async move { connection.answer(request).await }
        });
        http1::Builder::new().serve_connection(TokioIo::new(tls), service).await.ok()
    }
}

impl Connection {
    async fn answer(&self, request: HttpRequest<Incoming>) -> Answered {
        let about = Request::of(request.method(), request.uri());
        let uri = request.uri().clone();
        let (head, body) = request.into_parts();
        let asked = HttpRequest::from_parts(head, Full::new(body.collect().await?.to_bytes()));
        match self.proxy.engine.meet(&about) {
            None if about.verb == "list" => self.list(&uri, asked).await,
            None => self.passed(asked).await,
            Some(fault) => self.faulty(fault, &uri, asked).await,
        }
    }

    async fn faulty(&self, fault: Fault, uri: &Uri, asked: Asked) -> Answered {
        match fault {
            Fault::Forge => {
                self.proxy.engine.strike(fault);
                self.passed(as_dry_run(asked).await).await
            }
            Fault::Events(kept) => {
                let engine = self.proxy.engine.clone();
                let begun = move || engine.strike(fault);
                Ok(self.send(asked).await?.map(|body| keep_back(body, kept, begun)))
            }
            Fault::StaleList => match self.proxy.engine.lists(|lists| lists.oldest(uri)) {
                Some(old) => {
                    self.proxy.engine.strike(fault);
                    Ok(object(old))
                }
                None => self.list(uri, asked).await,
            },
            Fault::Kill(when) | Fault::Drop(when) | Fault::Answer { when, .. } | Fault::Hang { when, .. } => {
                if when != When::Before {
                    self.send(asked).await?.into_body().collect().await?;
                }
                self.unheard(fault).await
            }
        }
    }

    /// What happens to a request whose real answer, if there is one, nobody hears.
    async fn unheard(&self, fault: Fault) -> Answered {
        self.proxy.engine.strike(fault);
        match fault {
            Fault::Answer { code, .. } => return Ok(failure(code)),
            Fault::Kill(_) => self.proxy.engine.kill(),
            Fault::Hang { seconds, .. } => tokio::time::sleep(Duration::from_secs(seconds)).await,
            _ => {}
        }
        Err(Gone::Planned)
    }

    async fn passed(&self, asked: Asked) -> Answered {
        Ok(self.send(asked).await?.map(|body| body.map_err(io::Error::other).boxed_unsync()))
    }

    /// A list is remembered, for the day on which a stale one is wanted.
    async fn list(&self, uri: &Uri, asked: Asked) -> Answered {
        let (head, body) = self.send(asked).await?.into_parts();
        let answer = body.collect().await?.to_bytes();
        if head.status.is_success() {
            self.proxy.engine.lists(|lists| lists.remember(uri, &answer));
        }
        Ok(Response::from_parts(head, whole(answer)))
    }

    /// To the API server and back. One connection there serves one here, so requests are never mixed.
    async fn send(&self, asked: Asked) -> Result<Response<Incoming>, Gone> {
        let mut behind = self.behind.lock().await;
        let mut sender = self.proxy.upstream.usable(behind.take()).await?;
        let response = sender.send_request(asked).await?;
        *behind = Some(sender);
        Ok(response)
    }
}

/// The same request as a dry run. Of a deletion with options the API server reads the body alone.
async fn as_dry_run(asked: Asked) -> Asked {
    let (mut parts, body) = asked.into_parts();
    let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let sign = if path.contains('?') { '&' } else { '?' };
    if let Ok(uri) = format!("{path}{sign}dryRun=All").parse() {
        parts.uri = uri;
    }
    let mut body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    if parts.method == Method::DELETE
        && let Ok(Value::Object(mut options)) = serde_json::from_slice(&body)
    {
        options.insert("dryRun".to_owned(), json!(["All"]));
        body = Value::Object(options).to_string().into();
        parts.headers.remove(CONTENT_LENGTH);
    }
    HttpRequest::from_parts(parts, Full::new(body))
}

impl std::fmt::Debug for ApiProxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ApiProxy").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
