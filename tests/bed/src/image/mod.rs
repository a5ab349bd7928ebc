//! What hosts are made of: one base root file system, the RPM packages they install, and the repository that serves those.

mod base;
mod package;
mod repository;
mod systemd;

use std::path::PathBuf;

use crate::cache::CacheError;
use crate::process::ProcessError;

pub use base::BaseImage;
pub use package::{Package, PackageFile};
pub use repository::{PORT as REPOSITORY_PORT, Repository};
pub use systemd::{NEW_SYSTEMD, OLD_SYSTEMD, running_version, systemd_layer, systemd_package};

/// Why an image, a package or the repository could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A program that makes a part of it failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error("cannot access {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The machine is not one whose packages a host can be made of.
    #[error("the base image needs a Debian machine with apt sources: {0}")]
    NotDebian(&'static str),
    /// The repository's server ended or does not listen.
    #[error("the package repository is not served; its server's messages are in {0}")]
    NotServed(PathBuf),
    /// A package version that is not `VERSION-RELEASE`.
    #[error("{0:?} is no package version: write VERSION-RELEASE, such as 219-62.el7")]
    Version(String),
}

/// Names the file in an I/O error.
pub(crate) fn file_error(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> ImageError {
    let path = path.into();
    |source| ImageError::File { path, source }
}
