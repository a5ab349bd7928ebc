//! Why a bed could not be started or used: one variant for each part of it.

use std::path::PathBuf;
use std::time::Duration;

use crate::build::BuildError;
use crate::certs::CertError;
use crate::controlplane::ControlPlaneError;
use crate::host::HostError;
use crate::process::ProcessError;
use crate::state::StateError;

/// Why a bed could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum BedError {
    /// Namespaces, control groups and hosts need root.
    #[error("the bed needs root: run it as root or through sudo")]
    NotRoot,
    /// The programs could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A name, an owner or the remains of a bed are in the way.
    #[error(transparent)]
    State(#[from] StateError),
    /// The CA could not be made or read.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// The control plane did not come up.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// A host could not be made or used.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The answer of the API server could not be understood.
    #[error("cannot understand the answer to `kubectl {request}`: {source}")]
    Answer {
        /// What was asked.
        request: String,
        /// What is wrong with the answer.
        source: serde_json::Error,
    },
    /// A file of the bed could not be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A condition did not come true.
    #[error("waited {} s for {what}", waited.as_secs())]
    Deadline {
        /// The condition.
        what: String,
        /// How long it was waited for.
        waited: Duration,
    },
}
