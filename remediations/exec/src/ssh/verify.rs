//! Whether the key that a host showed is the host's: ssh2 checks nothing by itself.

use ssh_key::PublicKey;
use ssh_key::certificate::CertType;
use ssh_key::public::KeyData;

use super::certificate::SignedCertificate;
use super::hostkeys::{Known, fingerprint};

/// A host whose key is not trusted. Nothing was sent to it, and trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostKeyError {
    #[error(
        "the host key {0} is in no known_hosts line of this host and no trusted authority has signed it; \
             compare it with `ssh-keygen -lf` on the host, then sign it or add it to the pool's known hosts"
    )]
    Unknown(String),
    #[error(
        "the host key {0} is another than the known ones of this host; if the host was installed anew, \
             replace its line in the pool's known hosts, else find out who answers at its address"
    )]
    Changed(String),
    #[error("the host key {0} is marked as revoked; give the host a new key")]
    Revoked(String),
    #[error("the host certificate `{id}` is not good for this host: {why}; sign the host's key anew")]
    Certificate { id: String, why: String },
    #[error("the host key cannot be read: {0}")]
    Unreadable(String),
}

impl HostKeyError {
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Unreadable(_) => "HostKeyUnknown",
            Self::Changed(_) | Self::Revoked(_) | Self::Certificate { .. } => "HostKeyMismatch",
        }
    }
}

/// Checks the key or certificate in `blob`, as SSH sends it, against what is known of a host that is called `names`.
/// `now` is in seconds since the Unix epoch.
pub(crate) fn verify(known: &Known<'_>, names: [&str; 2], blob: &[u8], now: u64) -> Result<(), HostKeyError> {
    if !SignedCertificate::is_one(blob) {
        let key = PublicKey::from_bytes(blob).map_err(|e| HostKeyError::Unreadable(e.to_string()))?;
        return verify_key(known, key.key_data());
    }
    let signed = SignedCertificate::read(blob).map_err(HostKeyError::Unreadable)?;
    let certificate = &signed.certificate;
    if !known.authorities.contains(&certificate.signature_key()) {
        // The key inside has signed the handshake: it may still be known by itself.
        return verify_key(known, certificate.public_key());
    }
    refuse_revoked(known, certificate.public_key())?;
    refuse_revoked(known, certificate.signature_key())?;
    verify_certificate(&signed, names, now)
        .map_err(|why| HostKeyError::Certificate { id: certificate.key_id().to_owned(), why })
}

fn verify_key(known: &Known<'_>, key: &KeyData) -> Result<(), HostKeyError> {
    refuse_revoked(known, key)?;
    if known.keys.contains(&key) {
        Ok(())
    } else if known.keys.is_empty() {
        Err(HostKeyError::Unknown(fingerprint(key)))
    } else {
        Err(HostKeyError::Changed(fingerprint(key)))
    }
}

fn refuse_revoked(known: &Known<'_>, key: &KeyData) -> Result<(), HostKeyError> {
    if known.revoked.contains(&key) { Err(HostKeyError::Revoked(fingerprint(key))) } else { Ok(()) }
}

/// The authority is trusted; the rest must hold too.
fn verify_certificate(signed: &SignedCertificate, names: [&str; 2], now: u64) -> Result<(), String> {
    let certificate = &signed.certificate;
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user's certificate".to_owned());
    }
    // OpenSSH takes a certificate without principals for every host: here it would let each host pose as any other.
    if !certificate.valid_principals().iter().any(|p| names.iter().any(|name| p.eq_ignore_ascii_case(name))) {
        return Err(format!(
            "it names {:?}, not {} or {}",
            certificate.valid_principals(),
            names[0],
            names[1]
        ));
    }
    if now < certificate.valid_after() || now >= certificate.valid_before() {
        return Err("it is not valid today".to_owned());
    }
    if !certificate.critical_options().is_empty() {
        return Err("it has critical options, which host certificates know none of".to_owned());
    }
    if signed.is_genuine() { Ok(()) } else { Err("its signature is wrong".to_owned()) }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
