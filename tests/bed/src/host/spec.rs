//! What a host is to be: its name, its place in the cluster, the system it starts with.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::image::OLD_SYSTEMD;

/// The label that names a node's pool.
pub const POOL_LABEL: &str = "nodemend.test/pool";
/// The well-known label that names a node's zone.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// One host that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostSpec {
    /// The host's name and the node's; a DNS label.
    pub name: String,
    /// The value of [`POOL_LABEL`].
    pub pool: String,
    /// The value of [`ZONE_LABEL`].
    pub zone: String,
    /// The version of the package `systemd` that is installed and running at first (`VERSION-RELEASE`).
    pub systemd: String,
    /// The unprivileged user who may log in and use `sudo`.
    pub login: String,
    /// Bytes that the host's disk holds. It is kept in memory, and takes only what is used.
    pub disk: u64,
    /// Whether the host runs containerd and a kubelet; otherwise it is a machine with SSH and packages.
    pub node: bool,
}

impl HostSpec {
    /// A node of pool `workers` in zone `zone-a` with the old systemd, login `nodemend` and a disk of 1 GiB.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pool: "workers".to_owned(),
            zone: "zone-a".to_owned(),
            systemd: OLD_SYSTEMD.to_owned(),
            login: "nodemend".to_owned(),
            disk: 1 << 30,
            node: true,
        }
    }

    /// The same host without containerd and kubelet: it boots faster, for tests that need no cluster.
    #[must_use]
    pub fn without_kubelet(mut self) -> Self {
        self.node = false;
        self
    }
}

/// A host's number in its bed, from 0 on: every address that belongs to it follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostNumber(pub u8);

impl HostNumber {
    /// Numbers below this one fit the hub's network beside its own addresses.
    pub const LIMIT: u8 = 240;

    /// The host's address on the bridge.
    pub fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 200, 0, 10 + self.0)
    }

    /// The network of the host's pods, in CIDR notation.
    pub fn pod_network(self) -> String {
        format!("10.201.{}.0/24", self.0)
    }

    /// The host's MAC address. It is fixed: a host that is made anew would be unreachable for up to 20 s behind a stale ARP
    /// entry otherwise.
    pub fn mac(self) -> String {
        format!("02:00:0a:c8:00:{:02x}", 10 + self.0)
    }

    /// The name of the host's port in the hub.
    pub fn port(self) -> String {
        format!("host{}", self.0)
    }
}
