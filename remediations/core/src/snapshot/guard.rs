//! The RepairGuard, as decisions see it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocker::Blocker;
use crate::budget::{Budget, Grant, Starts};
use crate::ids::{Epoch, NodeName};
use crate::time::Time;

/// The RepairGuard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guard {
    /// Cluster-wide limit on nodes that are unavailable and in flight; absent means none beside the pools'.
    pub budget: Option<Budget>,
    /// The highest epoch that any process has taken.
    pub epoch: Epoch,
    /// A host that obeys a higher one.
    pub behind: Option<Behind>,
    /// Grants of all pools.
    pub grants: Vec<Grant>,
    /// Recent node starts of all pools.
    pub starts: Starts,
    /// Names of fields that are set and not honoured yet; any stops every run.
    pub unsupported: Vec<String>,
}

/// A host that obeys a higher epoch than the guard knows: what is stored in the cluster is older than what was done on hosts,
/// as after a restore from a backup. Nothing starts anywhere until a person has said what counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Behind {
    /// The host's node.
    #[schemars(length(max = 253))]
    pub node: NodeName,
    /// The epoch that it obeys.
    pub epoch: Epoch,
    /// When that was seen.
    pub since: Time,
}

/// The reason of a guard that is behind a host: what is stored may be older than what was done.
pub const EPOCH_BEHIND: &str = "EpochBehind";

impl Behind {
    /// What is in the way, and how a person takes it away.
    pub fn blocker(&self) -> Blocker {
        let next = format!(
            "its host obeys epoch {}, above the RepairGuard's: the cluster was restored from a backup, or the host came from \
             another cluster, and what is stored may be older than what was done. Nothing starts anywhere. Compare runs and \
             nodes, abort what is out of date, then `nodemend guard raise-epoch`",
            self.epoch
        );
        Blocker::new(EPOCH_BEHIND, format!("node/{}", self.node), next).since(self.since)
    }
}
