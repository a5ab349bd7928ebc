//! Certificates as OpenSSH makes them, also those without an end.
//!
//! ssh-key 0.6 refuses the value that stands for "no end", which is what `ssh-keygen -s` writes by default. The
//! fields are therefore read from a copy with the latest time that it knows, and the signature is checked over the
//! bytes that the authority signed. The layout is OpenSSH's `PROTOCOL.certkeys`.

use signature::Verifier as _;
use ssh_key::Certificate;

const FOREVER: [u8; 8] = [0xff; 8];
const LATEST: [u8; 8] = i64::MAX.to_be_bytes();

/// A certificate, and the bytes that its signature is over.
#[derive(Debug)]
pub(crate) struct SignedCertificate<'a> {
    /// The fields. An end that was "none" is the latest time there is.
    pub(crate) certificate: Certificate,
    signed: &'a [u8],
}

impl<'a> SignedCertificate<'a> {
    /// Whether the blob calls itself a certificate.
    pub(crate) fn is_one(blob: &[u8]) -> bool {
        Reader { rest: blob }.string().is_some_and(|kind| kind.ends_with(b"-cert-v01@openssh.com"))
    }

    /// Reads a certificate as SSH sends it.
    pub(crate) fn read(blob: &'a [u8]) -> Result<Self, String> {
        let Some((end, signed)) = layout(blob) else { return Err("the certificate is cut off".to_owned()) };
        let mut bounded = blob.to_vec();
        if bounded[end..end + 8] == FOREVER {
            bounded[end..end + 8].copy_from_slice(&LATEST);
        }
        let certificate = Certificate::from_bytes(&bounded).map_err(|e| e.to_string())?;
        Ok(Self { certificate, signed: &blob[..signed] })
    }

    /// Whether the key that is named as authority has signed it. Whether to trust that key is the caller's to say.
    pub(crate) fn is_genuine(&self) -> bool {
        self.certificate.signature_key().verify(self.signed, self.certificate.signature()).is_ok()
    }
}

/// Where the end of validity stands, and where the signature begins.
fn layout(blob: &[u8]) -> Option<(usize, usize)> {
    let mut reader = Reader { rest: blob };
    let kind = reader.string()?;
    // The key's own fields: an Ed25519 point; a curve and a point; an exponent and a modulus.
    let key_fields = if kind.starts_with(b"ssh-ed25519-") { 1 } else { 2 };
    reader.strings(1 + key_fields)?; // nonce, key
    reader.skip(8 + 4)?; // serial, type
    reader.strings(2)?; // key id, principals
    reader.skip(8)?; // begin of validity
    let end = blob.len() - reader.rest.len();
    reader.skip(8)?;
    reader.strings(4)?; // critical options, extensions, reserved, authority
    Some((end, blob.len() - reader.rest.len()))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.skip(4)?.try_into().ok()?;
        self.skip(u32::from_be_bytes(length) as usize)
    }

    fn strings(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.string().map(drop))
    }
}
