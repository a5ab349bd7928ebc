//! The Debian packages that the bed needs on this machine, and installing them.

use std::path::Path;
use std::process::Command;

use nix::unistd::Uid;

use crate::process::{self, ProcessError};

/// Why the packages are not there.
#[derive(Debug, thiserror::Error)]
pub enum DepsError {
    /// Packages are missing and may not be installed by this user.
    #[error(
        "these packages are missing: {0}; install them as root: apt-get update && apt-get install -y --no-install-recommends {0}"
    )]
    NotRoot(String),
    /// The machine has no Debian package manager.
    #[error("the bed needs a Debian machine: `dpkg-query` is not there")]
    NotDebian,
    /// The package manager failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What is needed, by package: compilers for runc and ssh2, tools that make the hosts' image and its packages, networking.
const PACKAGES: [&str; 15] = [
    "apt-utils",
    "createrepo-c",
    "gcc",
    "iproute2",
    "libseccomp-dev",
    "libssl-dev",
    "mmdebstrap",
    "nftables",
    "openssh-client",
    "pkg-config",
    "procps",
    "rpm",
    "systemd-container",
    "util-linux",
    "zstd",
];

/// Installs the packages that are missing, or says with one command how to.
pub fn ensure() -> Result<(), DepsError> {
    let missing = missing()?;
    if missing.is_empty() {
        return Ok(());
    }
    if !Uid::effective().is_root() {
        return Err(DepsError::NotRoot(missing.join(" ")));
    }
    eprintln!("bed: installing {} Debian packages: {}", missing.len(), missing.join(" "));
    apt_get(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(missing);
    apt_get(&arguments)
}

fn missing() -> Result<Vec<&'static str>, DepsError> {
    if !Path::new("/usr/bin/dpkg-query").exists() {
        return Err(DepsError::NotDebian);
    }
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${Package} ${db:Status-Status}\n"]).args(PACKAGES);
    // The exit status is 1 when one of the packages is unknown, which is what is being asked.
    let output = process::output(&mut query)?;
    let known = String::from_utf8_lossy(&output.stdout).into_owned();
    let installed = |package: &&str| known.lines().any(|line| line == format!("{package} installed"));
    Ok(PACKAGES.into_iter().filter(|package| !installed(package)).collect())
}

fn apt_get(arguments: &[&str]) -> Result<(), DepsError> {
    process::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(())
}
