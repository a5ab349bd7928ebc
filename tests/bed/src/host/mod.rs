//! Node hosts: systemd-nspawn machines with systemd as PID 1, sshd, `rpm` and `yum`, containerd and a real kubelet.
//!
//! A host is an overlay of four layers: the base image, the package `systemd` in some version, the host's own files, and a
//! disk that starts empty. A shell script keeps it running: it outlives the process that started it, and ends with the bed's
//! control group.

mod cgroups;
mod error;
mod files;
mod finished;
mod fleet;
mod inside;
mod node;
mod power;
mod spec;
mod ssh;
mod state;
mod wait;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

pub use error::HostError;
pub use finished::Finished;
pub use fleet::{find, list, start_all};
pub use spec::{HostNumber, HostSpec, POOL_LABEL, ZONE_LABEL};
pub use ssh::SshAccess;
pub use state::RunningSystemd;
pub use wait::until;

use crate::cgroup::Cgroup;
use crate::hub::HubContext;
use crate::image::BaseImage;

/// One host of a bed, running or not.
#[derive(Debug, Clone)]
pub struct Host {
    spec: HostSpec,
    number: HostNumber,
    /// The host's folder in the bed's: layers, scripts, log.
    dir: PathBuf,
    bed: String,
    hub_netns: String,
    netns: String,
    cgroup: Cgroup,
    ssh: SshAccess,
    base: BaseImage,
    /// Options of `systemd-nspawn` that bring the node's programs in, read-only.
    program_binds: String,
}

impl Host {
    fn of(hub: &HubContext, base: &BaseImage, spec: HostSpec, number: HostNumber) -> Self {
        Self {
            dir: fleet::folder(hub).join(&spec.name),
            bed: hub.bed.clone(),
            hub_netns: hub.netns.clone(),
            netns: hub.netns_for(&spec.name),
            cgroup: hub.cgroup.child(&format!("hosts/{}", spec.name)),
            ssh: SshAccess::of(hub),
            base: base.clone(),
            program_binds: if spec.node { node::program_binds(hub) } else { String::new() },
            spec,
            number,
        }
    }

    /// The host's name, which is the node's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What the host was asked to be.
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// The host's address on the bridge, reachable from inside the hub.
    pub fn address(&self) -> Ipv4Addr {
        self.number.address()
    }

    /// The node's `spec.providerID`.
    pub fn provider_id(&self) -> String {
        format!("bed://{}/{}", self.bed, self.spec.name)
    }

    /// Keys and known hosts with which this host is reached.
    pub fn ssh_access(&self) -> &SshAccess {
        &self.ssh
    }

    /// The image that the host is made of, for making further packages.
    pub fn base_image(&self) -> &BaseImage {
        &self.base
    }

    /// The file with what the host's console and its supervisor say.
    pub fn log(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// The folder of a layer: what is written here before a boot is part of the host's root file system.
    fn seed(&self) -> PathBuf {
        self.dir.join("seed")
    }

    pub(crate) fn disk(&self) -> PathBuf {
        self.dir.join("disk")
    }

    /// The group of the booted machine alone, without its supervisor.
    fn machine_group(&self) -> Cgroup {
        self.cgroup.child("machine")
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }
}
