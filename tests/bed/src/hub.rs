//! The hub: the network namespace in which a bed's control plane lives and to which every host is connected.
//!
//! [`HubContext`] is what the parts of a bed share. Nothing is put into the machine's own network namespace, so several
//! beds use the same addresses side by side.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::Binaries;
use crate::certs::CertificateAuthority;
use crate::cgroup::Cgroup;
use crate::process::{self, ProcessError};

/// The bridge that hosts attach to.
pub const BRIDGE: &str = "br0";
/// The bed's own address on the bridge: API server, package repository.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
/// The length of the network prefix of the bridge.
pub const PREFIX_LENGTH: u8 = 24;
/// The API server's port on [`ADDRESS`].
pub const API_PORT: u16 = 6443;

/// What the parts of a running bed share.
#[derive(Debug)]
pub struct HubContext {
    /// The bed's name: lower-case letters and digits.
    pub bed: String,
    /// The bed's folder; everything in it goes when the bed stops. Log files belong in [`HubContext::log`].
    pub dir: PathBuf,
    /// The hub's network namespace. Further namespaces of the bed are named by [`HubContext::netns_for`].
    pub netns: String,
    /// Signs node certificates. The API server trusts it for clients and for kubelets' serving certificates.
    pub ca: CertificateAuthority,
    /// The programs that were built for this bed.
    pub binaries: Binaries,
    /// OCI archives for `ctr -n k8s.io images import`.
    pub images: Vec<PathBuf>,
    /// The bed's control group. Processes belong in children of it.
    pub cgroup: Cgroup,
}

impl HubContext {
    /// A command inside the hub's network namespace and the bed's control group.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        process::command(&self.group(), Some(&self.netns), program)
    }

    /// The control group of the processes that belong to the bed as a whole.
    pub fn group(&self) -> Cgroup {
        self.cgroup.child("hub")
    }

    /// The name of a network namespace for one part of the bed, such as a host; namespaces named so go with the bed.
    pub fn netns_for(&self, part: &str) -> String {
        format!("{}{part}", netns_prefix(&self.bed))
    }

    /// The API server as seen inside the hub and from hosts.
    pub fn api_server(&self) -> String {
        format!("https://{ADDRESS}:{API_PORT}")
    }

    /// The CA certificate's file (PEM).
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("pki/ca.crt")
    }

    /// The log file of one component.
    pub fn log(&self, component: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{component}.log"))
    }

    /// The API server's audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.dir.join("audit.log")
    }

    /// Makes `address`, as seen in the hub, reachable on the machine's loopback. Lives as long as the bed.
    pub fn relay(&self, address: SocketAddr) -> Result<SocketAddr, crate::relay::RelayError> {
        crate::relay::from_loopback(self, address)
    }
}

/// Where a named network namespace can be entered.
pub fn netns_path(netns: &str) -> PathBuf {
    Path::new("/run/netns").join(netns)
}

/// The beginning of the names of all of a bed's network namespaces. Bed names have no `-`, so no bed's prefix is another's.
pub(crate) fn netns_prefix(bed: &str) -> String {
    format!("nmbed-{bed}-")
}

/// Creates the hub's namespace with its bridge.
///
/// The bridge's MAC address is fixed: otherwise it changes with the ports, and hosts keep a stale ARP entry for up to 20 s.
pub(crate) fn create_network(netns: &str) -> Result<(), ProcessError> {
    let address = format!("{ADDRESS}/{PREFIX_LENGTH}");
    let steps: [&[&str]; 5] = [
        &["netns", "add", netns],
        &["-n", netns, "link", "set", "lo", "up"],
        &["-n", netns, "link", "add", BRIDGE, "address", "02:00:0a:c8:00:01", "type", "bridge"],
        &["-n", netns, "address", "add", &address, "dev", BRIDGE],
        &["-n", netns, "link", "set", BRIDGE, "up"],
    ];
    for step in steps {
        process::run(Command::new("ip").args(step))?;
    }
    Ok(())
}

/// Deletes every network namespace of a bed. Namespaces that processes still use go when those end.
pub(crate) fn delete_networks(bed: &str) -> Result<(), ProcessError> {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return Ok(()) };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        if name.starts_with(&netns_prefix(bed)) {
            process::run(Command::new("ip").args(["netns", "delete", &name]))?;
        }
    }
    Ok(())
}
