//! A Node, as decisions see it.

use std::collections::BTreeMap;

use crate::cordon::CordonMark;
use crate::ids::{BootId, NodeName, NodeUid};
use crate::selector::Labels;
use crate::time::Time;

/// Well-known label of the zone that a node is in.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// Labels by which a node is known to carry the control plane.
pub const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Labels by which an owner keeps a node out of every repair: ours, and that of the medik8s operators.
pub const EXCLUDE_LABELS: [&str; 2] =
    ["nodemend.dev/exclude", "remediation.medik8s.io/exclude-from-remediation"];

/// A Node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Node {
    /// Name.
    pub name: NodeName,
    /// UID.
    pub uid: NodeUid,
    /// Labels.
    pub labels: Labels,
    /// `spec.providerID`.
    pub provider_id: Option<String>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Conditions by type.
    pub conditions: BTreeMap<String, Condition>,
    /// `status.nodeInfo.bootID`.
    pub boot_id: BootId,
    /// `status.nodeInfo.osImage`, for people.
    pub os_image: String,
    /// `status.nodeInfo.architecture`, Kubernetes's name for it (`amd64`).
    pub architecture: String,
    /// The mark of a cordon of ours, if it has one that can be read.
    pub cordon: Option<Box<CordonMark>>,
    /// Why it is about to go, if somebody marked it for deletion.
    pub leaving: Option<String>,
    /// When it was registered.
    pub created: Time,
}

/// One condition of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Since when.
    pub since: Option<Time>,
}

impl Node {
    /// The label that keeps it out of every repair, if it has one.
    pub fn opted_out(&self) -> Option<&'static str> {
        EXCLUDE_LABELS.into_iter().find(|label| self.labels.contains_key(*label))
    }

    /// The zone that it is in; the empty text for none.
    pub fn zone(&self) -> &str {
        self.labels.get(ZONE_LABEL).map_or("", String::as_str)
    }

    /// Whether it carries the control plane.
    pub fn is_control_plane(&self) -> bool {
        CONTROL_PLANE_LABELS.iter().any(|label| self.labels.contains_key(*label))
    }

    /// Whether Ready is True, and since when; `None` when it is Unknown or missing.
    pub fn ready(&self) -> Option<bool> {
        match self.conditions.get("Ready")?.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        }
    }

    /// Whether work can be placed on it: Ready, and cordoned by nobody.
    pub fn is_available(&self) -> bool {
        self.ready() == Some(true) && !self.unschedulable
    }
}
