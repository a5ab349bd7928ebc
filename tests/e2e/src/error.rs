//! Why a test or the demo could not go on.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use nodemend_bed::BedError;
use nodemend_bed::host::HostError;
use nodemend_bed::process::ProcessError;

/// Why a test or the demo could not go on.
#[derive(thiserror::Error)]
pub enum E2eError {
    /// The cluster or a host failed.
    #[error(transparent)]
    Bed(#[from] BedError),
    /// A host failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The fault proxy could not be set up.
    #[error(transparent)]
    Tls(#[from] nodemend_proxy::TlsError),
    /// The binary under test is not there.
    #[error("{0} is not there: build it with `cargo build -p nodemend`, or name it in NODEMEND_BIN")]
    NotBuilt(PathBuf),
    /// The image of the controller is not there.
    #[error("{0} is not there: make it with `make image`, or name it in NODEMEND_IMAGE")]
    NoImage(PathBuf),
    /// A file could not be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// An answer of the API server is not what was expected.
    #[error("cannot understand the answer to `{request}`: {problem}")]
    Answer {
        /// What was asked.
        request: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The controller is not running any more.
    #[error("the controller ended by itself ({status}); its last lines:\n{log}")]
    ControllerEnded {
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// The controller goes on though it was asked to end. It was killed.
    #[error("the controller did not end within {} s of being asked to", waited.as_secs())]
    ControllerStays {
        /// How long it was waited for.
        waited: Duration,
    },
    /// A condition did not come true.
    #[error("waited {} s for {what}\n{situation}", waited.as_secs())]
    Deadline {
        /// The condition.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// Runs, journals and the controller's last lines.
        situation: String,
    },
}

/// The same text as for people: it is what a failed test shows, and it has many lines.
impl fmt::Debug for E2eError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl E2eError {
    /// An I/O error with the file's name.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
