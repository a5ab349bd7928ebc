//! TLS on both sides: a certificate that the controller trusts, and trust in the API server's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or not PEM.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// Certificate and key do not do for TLS.
    #[error("cannot set TLS up with these certificates: {0}")]
    Setup(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn failed(path: &Path) -> impl Fn(pem::Error) -> TlsError {
    move |source| TlsError::File { path: path.to_owned(), source }
}

impl Identity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let of_certificate = failed(&self.certificate);
        let chain = CertificateDer::pem_file_iter(&self.certificate).map_err(&of_certificate)?;
        let chain = chain.collect::<Result<_, _>>().map_err(of_certificate)?;
        Ok((chain, PrivateKeyDer::from_pem_file(&self.key).map_err(failed(&self.key))?))
    }
}

/// The server's side. HTTP/1.1 alone is spoken: one request at a time on each connection can be told from the others.
pub(crate) fn acceptor(identity: &Identity) -> Result<TlsAcceptor, TlsError> {
    let (chain, key) = identity.read()?;
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's side: trusts the CA in `ca`, and shows `identity` if it has one.
pub(crate) fn connector(ca: &Path, identity: Option<&Identity>) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(failed(ca))? {
        roots.add(certificate.map_err(failed(ca))?)?;
    }
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots);
    let mut config = match identity.map(Identity::read).transpose()? {
        Some((chain, key)) => config.with_client_auth_cert(chain, key)?,
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
