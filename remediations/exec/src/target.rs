//! Where a host is and how to get in: everything that one operation needs to know of its node.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nodemend_core::ids::{NodeName, NodeUid};

use crate::ssh::HostKeys;

/// One node, and the way to its host.
#[derive(Debug, Clone)]
pub struct Target {
    /// The node's name in the cluster.
    pub node: NodeName,
    /// The node's UID: another machine under the same name is not touched.
    pub node_uid: NodeUid,
    /// The host's address or DNS name, without a port.
    pub address: String,
    /// How to log in.
    pub ssh: Arc<SshAccess>,
    /// How long PID 1 may take to answer a call before it counts as silent.
    pub pid1_timeout: Duration,
    /// Asked after the login, right before a request is sent: a login can take half a minute.
    pub still: Still,
}

/// How to log in to the hosts of a pool.
#[derive(Debug)]
pub struct SshAccess {
    /// The login; unprivileged logins need `sudo`.
    pub user: String,
    /// TCP port of the SSH server.
    pub port: u16,
    /// Whether commands run through `sudo -n`.
    pub sudo: bool,
    /// The private key, PEM or OpenSSH form, without a passphrase.
    pub private_key: Secret,
    /// A user certificate for that key: the text of its `-cert.pub` file.
    pub certificate: Option<String>,
    /// Which hosts to trust.
    pub host_keys: HostKeys,
    /// How long each stage may take.
    pub timeouts: SshTimeouts,
}

/// How long each stage of a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct SshTimeouts {
    /// To connect.
    pub connect: Duration,
    /// To exchange keys.
    pub handshake: Duration,
    /// To log in.
    pub login: Duration,
    /// From the request to the whole answer.
    pub answer: Duration,
}

/// Whether what was decided may still be sent. Always, unless a question is given.
#[derive(Clone, Default)]
pub struct Still(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Still {
    /// Sent only if `question` says so at the last moment.
    pub fn asking(question: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(question)))
    }

    /// The answer now.
    pub fn holds(&self) -> bool {
        self.0.as_ref().is_none_or(|question| question())
    }
}

impl fmt::Debug for Still {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Still(asked)" } else { "Still(always)" })
    }
}

/// A text that `Debug` does not show.
#[derive(Clone)]
pub struct Secret(pub String);

impl SshAccess {
    /// Access as `user` on port 22, through `sudo` unless the user is root.
    pub fn new(user: &str, private_key: Secret, host_keys: HostKeys) -> Self {
        Self {
            user: user.to_owned(),
            port: 22,
            sudo: user != "root",
            private_key,
            certificate: None,
            host_keys,
            timeouts: SshTimeouts::default(),
        }
    }
}

impl Default for SshTimeouts {
    /// A login waits 25 s for a login manager that PID 1 keeps from answering (D-Bus's own time limit), `sudo` may
    /// do so once more, and the answer needs the time for PID 1 besides: the fault that is repaired must not look
    /// like a lost host.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            login: Duration::from_secs(40),
            answer: Duration::from_mins(1),
        }
    }
}

impl SshTimeouts {
    /// The longest that a connection can take.
    pub fn total(&self) -> Duration {
        self.connect + self.handshake + self.login + self.answer
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let keys = HostKeys::new(&[], &[]).unwrap();
        let access = SshAccess::new("nodemend", Secret("PRIVATE".into()), keys);
        assert!(access.sudo);
        assert!(!format!("{access:?}").contains("PRIVATE"));
    }
}
