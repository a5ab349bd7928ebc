//! One call over one SSH connection: connect, verify the host, log in, run the program. It blocks.

use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ssh2::{Channel, ErrorCode, MethodType, Session};

use super::line::Line;
use super::verify::verify;
use crate::host::command_line;
use crate::target::{SshAccess, Target};
use crate::transport::{CallError, Output};

/// The most that is read of an answer: a full job report is about 100 KiB.
const STDOUT_BYTES: u64 = 1024 * 1024;
/// The most that is read of error output.
const STDERR_BYTES: u64 = 16 * 1024;
/// `LIBSSH2_ERROR_*` numbers that tell causes apart.
const TIMEOUT: ErrorCode = ErrorCode::Session(-9);
const PASSWORD_EXPIRED: ErrorCode = ErrorCode::Session(-17);
const AUTHENTICATION_FAILED: ErrorCode = ErrorCode::Session(-18);
const PUBLICKEY_UNVERIFIED: ErrorCode = ErrorCode::Session(-19);
const FILE: ErrorCode = ErrorCode::Session(-16);

/// Everything that one call needs on its thread.
#[derive(Debug)]
pub(crate) struct Call {
    target: Target,
    request: Vec<u8>,
    line: Line,
}

impl Call {
    pub(crate) fn new(target: &Target, request: Vec<u8>, line: Line) -> Self {
        Self { target: target.clone(), request, line }
    }

    pub(crate) fn run(&self) -> Result<Output, CallError> {
        let socket = self.connect()?;
        let session = self.handshake(socket)?;
        self.verify_host(&session)?;
        self.log_in(&session)?;
        let channel = self.start_program(&session)?;
        self.converse(channel)
    }

    fn access(&self) -> &Arc<SshAccess> {
        &self.target.ssh
    }

    fn connect(&self) -> Result<TcpStream, CallError> {
        let address = self.resolve()?;
        let socket = TcpStream::connect_timeout(&address, self.access().timeouts.connect)
            .map_err(|e| connect_error(&e))?;
        self.line.connected(&socket).map_err(|e| connect_error(&e))?;
        Ok(socket)
    }

    fn resolve(&self) -> Result<SocketAddr, CallError> {
        let place = (self.target.address.as_str(), self.access().port);
        let found = place.to_socket_addrs().ok().and_then(|mut all| all.next());
        found.ok_or_else(|| {
            early("AddressUnknown", "its address cannot be resolved; check the pool's addresses and DNS")
        })
    }

    fn handshake(&self, socket: TcpStream) -> Result<Session, CallError> {
        let failed = |e: ssh2::Error| match e.code() {
            TIMEOUT => early(
                "TimedOut",
                "the SSH server took the connection and said nothing; is the host frozen or overloaded?",
            ),
            _ => early("HandshakeFailed", format!("no SSH session: {e}; check that sshd runs on this port")),
        };
        let mut session = Session::new().map_err(failed)?;
        session.set_timeout(milliseconds(self.access().timeouts.handshake));
        let methods = self.access().host_keys.of(&self.target).methods();
        session.method_pref(MethodType::HostKey, &methods).map_err(failed)?;
        session.set_tcp_stream(socket);
        session.handshake().map_err(failed)?;
        Ok(session)
    }

    fn verify_host(&self, session: &Session) -> Result<(), CallError> {
        let (blob, _) =
            session.host_key().ok_or_else(|| early("HandshakeFailed", "the host showed no key"))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let known = self.access().host_keys.of(&self.target);
        let names = [self.target.node.as_str(), self.target.address.as_str()];
        verify(&known, names, blob, now)
            .map_err(|e| CallError { retryable: false, ..early(e.reason(), e.to_string()) })
    }

    fn log_in(&self, session: &Session) -> Result<(), CallError> {
        let access = self.access();
        session.set_timeout(milliseconds(access.timeouts.login));
        let certificate = access.certificate.as_deref().map(str::trim);
        session
            .userauth_pubkey_memory(&access.user, certificate, &access.private_key.0, None)
            .map_err(|e| login_error(&access.user, &e))
    }

    fn start_program(&self, session: &Session) -> Result<Channel, CallError> {
        let failed = |e: ssh2::Error| {
            early(
                "CommandRefused",
                format!("the SSH server started no command: {e}; check sshd's log on the host"),
            )
        };
        let mut channel = session.channel_session().map_err(failed)?;
        channel.exec(command_line(self.access().sudo)).map_err(failed)?;
        session.set_timeout(milliseconds(self.access().timeouts.answer));
        Ok(channel)
    }

    /// From here on the request may have arrived, whatever is heard.
    fn converse(&self, mut channel: Channel) -> Result<Output, CallError> {
        if !self.target.still.holds() {
            return Err(early("Stopped", "stopped before it was sent; nothing happened"));
        }
        channel.write_all(&self.request).map_err(|e| late(&e))?;
        channel.send_eof().map_err(|e| late(&e.into()))?;
        let stdout = read_capped(&mut channel, STDOUT_BYTES)?;
        let stderr = read_capped(&mut channel.stderr(), STDERR_BYTES)?;
        let status = channel.wait_close().and_then(|()| channel.exit_status()).ok();
        Ok(Output { stdout, stderr, status })
    }
}

fn read_capped(stream: &mut impl Read, limit: u64) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    stream.take(limit).read_to_end(&mut bytes).map_err(|e| late(&e))?;
    Ok(bytes)
}

/// Nothing of the request was sent.
fn early(reason: &'static str, message: impl Into<String>) -> CallError {
    CallError { sent: false, reason, message: message.into(), retryable: true }
}

fn late(error: &io::Error) -> CallError {
    let (reason, message) = if error.kind() == io::ErrorKind::TimedOut {
        (
            "TimedOut",
            "the request was sent and no answer came in time; is the host frozen or overloaded?".to_owned(),
        )
    } else {
        ("AnswerCut", format!("the connection ended before the answer: {error}; the host is looked at again"))
    };
    CallError { sent: true, reason, message, retryable: true }
}

fn connect_error(error: &io::Error) -> CallError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            early("ConnectionRefused", "nothing listens on the SSH port; is sshd running?")
        }
        io::ErrorKind::TimedOut => {
            early("ConnectTimedOut", "no answer to a connection; is the host up and reachable from here?")
        }
        _ => early(
            "Unreachable",
            format!("no connection: {error}; check the network between here and the host"),
        ),
    }
}

fn login_error(user: &str, error: &ssh2::Error) -> CallError {
    match error.code() {
        AUTHENTICATION_FAILED | PUBLICKEY_UNVERIFIED | PASSWORD_EXPIRED => CallError {
            retryable: false,
            ..early(
                "AuthenticationFailed",
                format!(
                    "the host does not let `{user}` in with the pool's key; check authorized_keys or the user CA"
                ),
            )
        },
        FILE => CallError {
            retryable: false,
            ..early(
                "KeyUnreadable",
                format!(
                    "the pool's private key cannot be used: {error}; give one in PEM or OpenSSH form without a passphrase"
                ),
            )
        },
        TIMEOUT => early(
            "TimedOut",
            format!(
                "the login of `{user}` did not end in time; look at sshd and its PAM modules on the host"
            ),
        ),
        _ => early(
            "LoginFailed",
            format!("the login of `{user}` broke off: {error}; look at sshd's log on the host"),
        ),
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
