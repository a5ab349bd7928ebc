//! Emptying a node: what is asked for, and what one round of it found.

pub mod eviction;
pub mod filter;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocker::Blocker;
use crate::selector::Selector;
use crate::time::{Span, Time};

/// What to do with pods that a rule selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DrainAction {
    /// Evict, so that PodDisruptionBudgets are asked.
    Evict,
    /// Delete without asking a PodDisruptionBudget.
    Delete,
    /// Wait until the pod ends by itself.
    Wait,
    /// Never touch: the drain fails and names the pod.
    Block,
}

/// One rule of a pool's drain; the first that matches a pod counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainRule {
    /// Which pods, by label; absent means any pod of the namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Selector>,
    /// Which namespaces, by name; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub namespaces: Vec<String>,
    /// What to do with them.
    pub action: DrainAction,
}

/// What a drain may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainOptions {
    /// The pool's rules, in order.
    pub rules: Vec<DrainRule>,
    /// Evict pods with `emptyDir` volumes, whose data is lost.
    pub delete_empty_dir_data: bool,
    /// Evict pods that no controller would create again.
    pub force: bool,
    /// Grace period for evicted pods; `None` is each pod's own.
    pub grace_period: Option<Span>,
}

/// One round of a drain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainRequest {
    /// What may be done.
    pub options: DrainOptions,
}

/// What one round of a drain found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainProgress {
    /// Evictions and deletions that the API server accepted in this round.
    pub accepted: u32,
    /// Pods still on the node that have to go, at most 64 of them.
    pub remaining: Vec<RemainingPod>,
    /// How many have to go in all.
    pub remaining_total: u32,
    /// What keeps pods from going: budgets by name, namespaces, webhooks.
    pub blockers: Vec<Blocker>,
    /// Pods that must not be touched; any makes the drain fail before a single eviction.
    pub refused: Vec<Blocker>,
}

/// A pod that has not left yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemainingPod {
    /// `namespace/name`.
    pub name: String,
    /// When its grace ends, once its eviction was accepted.
    pub grace_ends: Option<Time>,
}

impl DrainProgress {
    /// Whether nothing is left to leave.
    pub const fn is_done(&self) -> bool {
        self.remaining_total == 0 && self.refused.is_empty()
    }

    /// Whether every pod that is left was told to go and has outlived its grace at `now`.
    pub fn only_overdue(&self, now: Time) -> bool {
        self.refused.is_empty()
            && self.remaining.len() == self.remaining_total as usize
            && self.remaining.iter().all(|pod| pod.grace_ends.is_some_and(|end| end < now))
    }
}
