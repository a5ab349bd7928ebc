//! The bed's certificate authority, and the certificates of everyone in the cluster.
//!
//! One CA signs clients and servers. Keys are ECDSA P-256.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Why a key or certificate could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The certificate could not be made.
    #[error("cannot make the certificate of {subject}: {source}")]
    Issue {
        /// Whom it is for.
        subject: String,
        /// What the library said.
        source: rcgen::Error,
    },
    /// A key or certificate file could not be read or written.
    #[error("cannot access {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

/// A certificate with its private key, both as PEM text.
#[derive(Debug, Clone)]
pub struct KeyAndCertificate {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

impl KeyAndCertificate {
    /// Writes `STEM.crt` and `STEM.key` (mode 0600) into `folder`, which is created, and returns their paths in this order.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<(PathBuf, PathBuf), CertError> {
        let (certificate, key) = (folder.join(format!("{stem}.crt")), folder.join(format!("{stem}.key")));
        write(&certificate, &self.certificate, 0o644)?;
        write(&key, &self.key, 0o600)?;
        Ok((certificate, key))
    }
}

/// The CA of one bed.
#[derive(Debug)]
pub struct CertificateAuthority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// Makes a new CA and writes it to `ca.crt` and `ca.key` in `folder`.
    pub fn create(folder: &Path) -> Result<Self, CertError> {
        let failed = |source| CertError::Issue { subject: "the bed's CA".to_owned(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let params = ca_params().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?.pem();
        KeyAndCertificate { certificate: certificate.clone(), key: key.serialize_pem() }
            .write(folder, "ca")?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// Reads the CA that [`CertificateAuthority::create`] wrote to `folder`.
    pub fn load(folder: &Path) -> Result<Self, CertError> {
        let failed = |source| CertError::Issue { subject: "the bed's CA".to_owned(), source };
        let certificate = read(&folder.join("ca.crt"))?;
        let key = KeyPair::from_pem(&read(&folder.join("ca.key"))?).map_err(failed)?;
        // The parameters are those of `create`, so the file need not be parsed for them.
        let params = ca_params().map_err(failed)?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The CA's certificate (PEM).
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A client certificate. Kubernetes reads the user from the common name and the group from the organization.
    pub fn client(&self, user: &str, group: Option<&str>) -> Result<KeyAndCertificate, CertError> {
        self.issue(user, group, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A server certificate for host names and addresses.
    pub fn server(&self, subject: &str, names: &[&str]) -> Result<KeyAndCertificate, CertError> {
        self.issue(subject, None, names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// The certificate with which a node's kubelet calls the API server.
    pub fn node_client(&self, node: &str) -> Result<KeyAndCertificate, CertError> {
        self.client(&format!("system:node:{node}"), Some("system:nodes"))
    }

    /// The certificate with which a node's kubelet serves logs and exec.
    pub fn node_serving(&self, node: &str, address: IpAddr) -> Result<KeyAndCertificate, CertError> {
        self.server(&format!("system:node:{node}"), &[node, &address.to_string()])
    }

    fn issue(
        &self,
        subject: &str,
        organization: Option<&str>,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<KeyAndCertificate, CertError> {
        let failed = |source| CertError::Issue { subject: subject.to_owned(), source };
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, subject);
        if let Some(organization) = organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        Ok(KeyAndCertificate { certificate, key: key.serialize_pem() })
    }
}

fn ca_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "nodemend-bed");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// A key pair without a certificate, for signing service account tokens: written to `STEM.key` and `STEM.pub`.
pub(crate) fn write_signing_key(folder: &Path, stem: &str) -> Result<(PathBuf, PathBuf), CertError> {
    let key = KeyPair::generate().map_err(|source| CertError::Issue { subject: stem.to_owned(), source })?;
    let (private, public) = (folder.join(format!("{stem}.key")), folder.join(format!("{stem}.pub")));
    write(&private, &key.serialize_pem(), 0o600)?;
    write(&public, &key.public_key_pem(), 0o644)?;
    Ok((private, public))
}

fn read(path: &Path) -> Result<String, CertError> {
    fs::read_to_string(path).map_err(|source| CertError::File { path: path.to_owned(), source })
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CertError> {
    use std::os::unix::fs::PermissionsExt;
    let attempt = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    attempt().map_err(|source| CertError::File { path: path.to_owned(), source })
}
