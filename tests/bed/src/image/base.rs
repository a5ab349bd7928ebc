//! The root file system that all hosts share: Debian's programs, arranged so that a host is el7 to those who log in.
//!
//! Debian, because its packages come from the machine's own apt sources; no mirror is named here. What matters to a client
//! is the same: systemd is PID 1, `rpm` and `yum` manage packages, `os-release` names the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::package::Package;
use super::{ImageError, file_error};
use crate::cache;
use crate::process;

/// `conntrack`, `iptables`, `nftables`, `kmod` and `ethtool` are there for the kubelet and the CNI plugins, `netbase` for
/// `/etc/protocols`, without which `nft` prints numbers that kube-proxy cannot read.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,rpm,dnf,dnf-plugins-core,sudo,procps,iproute2,\
    iputils-ping,netbase,conntrack,iptables,nftables,kmod,ethtool";
/// Half of the image's size otherwise, and nobody reads it.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];
/// Records and unpacks a package, nothing else: the root file system that it is for is not running.
pub(super) const RPM_INSTALL: [&str; 5] = ["rpm", "-i", "--noscripts", "--force", "--nodeps"];
/// What is changed after Debian is unpacked.
const CUSTOMISE: &str = include_str!("customise.sh");
/// Where `mmdebstrap` finds the machine's apt sources: the current form, then the older one.
const APT_SOURCES: [&str; 2] = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

/// The base root file system, complete and never written again.
#[derive(Debug, Clone)]
pub struct BaseImage {
    root: PathBuf,
    key: String,
}

impl BaseImage {
    /// Finds the image in the cache, or makes it: about 45 s on two cores, announced on standard error.
    pub fn ensure() -> Result<Self, ImageError> {
        let suite = debian_suite()?;
        let packages: Vec<_> = compatibility_packages().iter().map(Package::spec_file).collect();
        let parts = [suite.as_str(), PACKAGES, CUSTOMISE].into_iter().chain(LEFT_OUT);
        let parts = parts.chain(packages.iter().map(String::as_str));
        let key = cache::key(parts.map(str::as_bytes));
        let root = cache::folder("base-image", &key, |target| make(target, &suite))?;
        Ok(Self { root, key })
    }

    /// The folder of the root file system.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the image's content follows from; equal keys mean equal images.
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

fn make(target: &Path, suite: &str) -> Result<(), ImageError> {
    let started = Instant::now();
    eprintln!(
        "bed: making the hosts' base image (once, about a minute; cached in {})",
        cache::root().display()
    );
    process::run(&mut bootstrap_command(target, suite)?)?;
    let mut customise = Command::new("chroot");
    process::run(customise.arg(target).args(["/bin/sh", "-euc", CUSTOMISE]))?;
    for package in compatibility_packages() {
        let rpm = package.build(&target.join("tmp"))?;
        let inside = Path::new("/tmp").join(rpm.file_name().unwrap_or_default());
        process::run(Command::new("chroot").arg(target).args(RPM_INSTALL).arg(inside))?;
        fs::remove_file(&rpm).map_err(file_error(rpm))?;
    }
    eprintln!("bed: made the base image in {} s", started.elapsed().as_secs());
    Ok(())
}

fn bootstrap_command(target: &Path, suite: &str) -> Result<Command, ImageError> {
    let sources = APT_SOURCES.iter().find(|path| Path::new(path).exists());
    let sources = sources.ok_or(ImageError::NotDebian("no apt sources list"))?;
    // What it mounts goes with it, also when it is killed.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "mmdebstrap"]);
    command.args(["--mode=root", "--variant=minbase", "--quiet"]).arg(format!("--include={PACKAGES}"));
    command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    command.arg(suite).arg(target).arg(sources);
    Ok(command)
}

/// The code name of the machine's own Debian release, which its apt sources belong to.
fn debian_suite() -> Result<String, ImageError> {
    let path = "/etc/os-release";
    let text = fs::read_to_string(path).map_err(file_error(path))?;
    let suite = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    suite
        .map(|name| name.trim_matches('"').to_owned())
        .ok_or(ImageError::NotDebian("no code name in os-release"))
}

/// What RPM must know to be installed for other packages and `yum` to work: who provides the shell that scriptlets run in,
/// and which release this is.
fn compatibility_packages() -> [Package; 2] {
    let bash = Package::new("bash", "4.2.46", "35.el7_9").provides("/bin/sh");
    let release = Package::new("centos-release", "7", "9.2009.1.el7.centos").provides("system-release");
    [bash, release]
}
