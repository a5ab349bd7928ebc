//! The repairs that are tortured: one node, one playbook, and what is wrong with the host.

use std::fmt;

use nodemend_bed::host::POOL_LABEL;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_bed::scale::{PlainFault, PlainNodes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::line::SSH_THROUGH_PROXY;
use crate::objects::{self, API_VERSION, Login, PoolSpec};

/// The released playbooks with a soak of a second, as their next versions: nothing relapses behind a stand-in.
const HASTY: &str = "1.0.1";
/// The name of the run; there is one at a time.
pub(super) const RUN: &str = "tortured";

/// A repair of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Story {
    /// An old systemd is replaced and the machine restarted.
    UpgradeSystemd,
    /// The node is drained and the machine restarted, because a person asks for it.
    DrainAndReboot,
    /// A kubelet that has stopped is started again.
    RestartKubelet,
}

impl Story {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UpgradeSystemd, Self::DrainAndReboot, Self::RestartKubelet];

    /// The playbook's name.
    pub const fn playbook(self) -> &'static str {
        match self {
            Self::UpgradeSystemd => "upgrade-systemd",
            Self::DrainAndReboot => "drain-and-reboot",
            Self::RestartKubelet => "restart-kubelet",
        }
    }

    /// The playbook, hasty.
    pub(super) fn manifest(self) -> String {
        let released = match self {
            Self::UpgradeSystemd => include_str!("../../../../playbooks/upgrade-systemd/1.0.0.yaml"),
            Self::DrainAndReboot => include_str!("../../../../playbooks/drain-and-reboot/1.0.0.yaml"),
            Self::RestartKubelet => include_str!("../../../../playbooks/restart-kubelet/1.0.0.yaml"),
        };
        debug_assert!(released.contains("soak: 10s"), "the released playbook soaks in another way now");
        released.replace("soak: 10s", "soak: 1s").replace("1.0.0", HASTY)
    }

    /// Whether a finding is repaired; if not, a person names the node.
    pub(super) const fn is_found(self) -> bool {
        self.check().is_some()
    }

    /// The check whose finding is repaired.
    const fn check(self) -> Option<&'static str> {
        match self {
            Self::UpgradeSystemd => Some("insp.version.systemd"),
            Self::DrainAndReboot => None,
            Self::RestartKubelet => Some("node.kubelet-process"),
        }
    }

    /// What is done to the host beforehand, beside its old systemd.
    pub(super) const fn fault(self) -> Option<PlainFault> {
        match self {
            Self::RestartKubelet => Some(PlainFault::KubeletStopped),
            Self::UpgradeSystemd | Self::DrainAndReboot => None,
        }
    }

    /// Whether pods are drained, so that there should be one.
    pub(super) const fn drains(self) -> bool {
        !matches!(self, Self::RestartKubelet)
    }

    /// The run that asks for it.
    pub(super) fn run(self, number: usize) -> Value {
        let nodes = match self.check() {
            Some(check) => json!({"findings": {"checks": [check]}}),
            None => json!({"named": {"names": [PlainNodes::name(number)]}}),
        };
        let parameters = match self {
            Self::UpgradeSystemd => json!({"targetVersion": NEW_SYSTEMD}),
            Self::DrainAndReboot | Self::RestartKubelet => json!({}),
        };
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        json!({
            "apiVersion": API_VERSION, "kind": "RepairRun", "metadata": {"name": RUN},
            "spec": {
                "pool": pool_name(number), "playbook": self.playbook(), "version": HASTY, "nodes": nodes,
                "parameters": parameters, "requestedBy": "admin", "startBefore": soon.to_string(),
            },
        })
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.playbook())
    }
}

/// The pool that has the node with that number alone.
pub(super) fn pool_name(number: usize) -> String {
    format!("p{number:05}")
}

/// That pool, with hosts reached through the proxy and read once.
pub(super) fn pool(number: usize, login: &Login) -> Value {
    let name = pool_name(number);
    let mut pool = objects::pool(PoolSpec::new(&name), login);
    pool["spec"]["observeInterval"] = json!("10m");
    for access in ["observe", "repair"] {
        pool["spec"]["access"][access]["ssh"]["port"] = json!(SSH_THROUGH_PROXY);
    }
    pool
}

/// A replica set with one pod on the pool's node.
pub(super) fn workload(number: usize) -> Value {
    let name = pool_name(number);
    let container = json!({"name": "server", "image": "stand-in"});
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"nodeSelector": {POOL_LABEL: name}, "containers": [container]},
            },
        },
    })
}
