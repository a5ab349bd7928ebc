//! Why a host could not be made, reached or changed.

use std::path::PathBuf;
use std::time::Duration;

use crate::certs::CertError;
use crate::image::ImageError;
use crate::process::ProcessError;

/// Why a host could not be made, reached or changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The image, a package or the repository could not be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A program on this machine failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A certificate of the node could not be made.
    #[error(transparent)]
    Certificate(#[from] CertError),
    /// A file of the host could not be read or written.
    #[error("host {host}: cannot access {path}: {source}")]
    File {
        /// The host.
        host: String,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The name is not a DNS label, or another host has it.
    #[error("host {0:?}: {1}")]
    Name(String, &'static str),
    /// The bed has no host of this name.
    #[error("the bed has no host {0:?}; it has: {1}")]
    Unknown(String, String),
    /// The bed's network has no address left.
    #[error("host {0}: the bed has no address left; it has room for {1} hosts")]
    Full(String, u8),
    /// The host is not running.
    #[error("host {0} is not running")]
    Off(String),
    /// Something did not happen in time.
    #[error("host {host}: {what} did not happen within {deadline:?}; the end of its log:\n{log}")]
    Deadline {
        /// The host.
        host: String,
        /// What was awaited.
        what: String,
        /// How long it was awaited.
        deadline: Duration,
        /// The end of the host's log.
        log: String,
    },
    /// No SSH session could be had.
    #[error("host {host}: SSH failed: {message}")]
    Ssh {
        /// The host.
        host: String,
        /// What the client said.
        message: String,
    },
    /// A command on the host did not end in time. It may still be running there.
    #[error("host {host}: `{command}` did not end within {deadline:?}")]
    Hangs {
        /// The host.
        host: String,
        /// The command.
        command: String,
        /// How long it was awaited.
        deadline: Duration,
    },
    /// A command on the host failed.
    #[error("host {host}: `{command}` failed with exit status {code:?}: {stderr}")]
    Command {
        /// The host.
        host: String,
        /// The command.
        command: String,
        /// Its exit status; none when a signal ended it.
        code: Option<i32>,
        /// What it wrote to standard error.
        stderr: String,
    },
}
