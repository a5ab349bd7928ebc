//! Which hosts a pool trusts: certificate authorities and known keys, as OpenSSH writes both.

use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey};

use super::known_hosts::{matches, written};
use crate::target::Target;

/// Certificate authorities and known hosts of a pool.
#[derive(Debug, Clone, Default)]
pub struct HostKeys {
    authorities: Vec<PublicKey>,
    known: Vec<Entry>,
}

/// A line that is not a key or not a known host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKeysError {
    /// An authority is not a public key.
    #[error("host authority {index} is not a public key: {reason}; give the line of the CA's .pub file")]
    Authority {
        /// Which one, from 1.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is not of the form of a `known_hosts` file.
    #[error("known_hosts line {index}: {reason}; see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT")]
    KnownHost {
        /// Which one, from 1.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is known of one host.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    pub(crate) authorities: Vec<&'a KeyData>,
    pub(crate) keys: Vec<&'a KeyData>,
    pub(crate) revoked: Vec<&'a KeyData>,
}

impl HostKeys {
    /// Reads public keys of authorities and lines of a `known_hosts` file; empty lines and comments are left out.
    pub fn new(authorities: &[String], known_hosts: &[String]) -> Result<Self, HostKeysError> {
        Ok(Self {
            authorities: numbered(authorities)
                .map(|(index, line)| {
                    line.parse().map_err(|e: ssh_key::Error| HostKeysError::Authority {
                        index,
                        reason: e.to_string(),
                    })
                })
                .collect::<Result<_, _>>()?,
            known: numbered(known_hosts)
                .map(|(index, line)| {
                    line.parse().map_err(|e: ssh_key::Error| HostKeysError::KnownHost {
                        index,
                        reason: e.to_string(),
                    })
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether no host can be trusted.
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.known.is_empty()
    }

    /// What is known of the target's host under its node name and its address.
    pub(crate) fn of(&self, target: &Target) -> Known<'_> {
        let names = [target.node.as_str(), &target.address].map(|host| written(host, target.ssh.port));
        let mut known = Known {
            authorities: self.authorities.iter().map(PublicKey::key_data).collect(),
            ..Known::default()
        };
        for entry in self.known.iter().filter(|entry| is_about(entry.host_patterns(), &names)) {
            let list = match entry.marker() {
                None => &mut known.keys,
                Some(Marker::CertAuthority) => &mut known.authorities,
                Some(Marker::Revoked) => &mut known.revoked,
            };
            list.push(entry.public_key().key_data());
        }
        known
    }
}

impl Known<'_> {
    /// The host key methods to ask for, best first: a host is asked for the key by which it is known, since it
    /// would else show another one of its keys.
    pub(crate) fn methods(&self) -> String {
        let mut methods: Vec<String> = Vec::new();
        if !self.authorities.is_empty() {
            methods.extend(CERTIFICATES.iter().map(ToString::to_string));
        }
        let (known, other): (Vec<&str>, Vec<&str>) =
            PLAIN.iter().partition(|m| self.keys.iter().any(|k| fits(k, m)));
        methods.extend(known.into_iter().chain(other).map(ToOwned::to_owned));
        methods.join(",")
    }
}

const CERTIFICATES: [&str; 4] = [
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
];
const PLAIN: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

fn fits(key: &KeyData, method: &str) -> bool {
    let algorithm = key.algorithm();
    method == algorithm.as_str() || (algorithm.is_rsa() && method.starts_with("rsa-"))
}

/// The fingerprint as `ssh-keygen -l` shows it.
pub(crate) fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn is_about(patterns: &HostPatterns, names: &[String]) -> bool {
    matches(patterns, names)
}

fn numbered(lines: &[String]) -> impl Iterator<Item = (usize, &str)> {
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
