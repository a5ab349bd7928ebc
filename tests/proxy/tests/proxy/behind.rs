//! An API server that remembers what it was asked, and the way to it through the proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nodemend_proxy::{Answer, ApiProxy, Engine, Identity, Plan, Upstream, UpstreamError};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What passes: a proxy with its engine, and what has come through it.
pub(crate) struct Way {
    pub(crate) engine: Arc<Engine>,
    pub(crate) kills: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<String>>>,
    client: Upstream,
}

/// A certificate for loopback that is its own authority, in a folder of the test's own.
fn certificate(name: &str) -> (Identity, PathBuf) {
    let folder = std::env::temp_dir().join(format!("nodemend-proxy-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let identity = Identity { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
    std::fs::write(&identity.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&identity.key, key.serialize_pem()).unwrap();
    (identity, folder)
}

impl Way {
    /// A server, a proxy in front of it that follows `plan`, and a client in front of that.
    pub(crate) async fn with(name: &str, plan: Plan) -> Self {
        let (identity, folder) = certificate(name);
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kills: Arc<AtomicU32> = Arc::default();
        let server = serve(&identity, asked.clone()).await;
        let counted = kills.clone();
        let engine = Arc::new(Engine::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        engine.load(plan);
        let upstream = Upstream::new(server, &identity.certificate, None).unwrap();
        let proxy = ApiProxy::new(&identity, upstream, engine.clone()).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = Upstream::new(listener.local_addr().unwrap(), &identity.certificate, None).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        tokio::spawn(proxy.serve(listener));
        Self { engine, kills, asked, client }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str) -> Result<Answer, UpstreamError> {
        self.client.ask(method, path, None).await
    }

    /// Method and address of each request that the server got.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers each request with how many there have been; a watch with three events about two objects.
async fn serve(identity: &Identity, asked: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(&identity.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let acceptor =
        TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (acceptor, asked) = (acceptor.clone(), asked.clone());
            tokio::spawn(async move {
                let tls = acceptor.accept(socket).await.unwrap();
                let service = service_fn(move |request| {
                    let answer = answer(&request, &asked);
                    async move { Ok::<_, hyper::Error>(answer) }
                });
                // The other side may go at any time.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
    address
}

fn answer(request: &Request<Incoming>, asked: &Mutex<Vec<String>>) -> Response<Full<Bytes>> {
    let mut asked = asked.lock().unwrap();
    asked.push(format!("{} {}", request.method(), request.uri()));
    Response::new(Full::new(Bytes::from(format!("{{\"count\":{}}}", asked.len()))))
}
