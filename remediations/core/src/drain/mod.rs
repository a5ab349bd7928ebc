//! Emptying a node: what is asked for, and what one round of it found.

pub mod eviction;
pub mod filter;
pub mod pause;
pub mod rules;

use serde::{Deserialize, Serialize};

use crate::blocker::Blocker;
use crate::time::{Span, Time};

pub use rules::{DrainAction, DrainRule};

/// What a drain may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainOptions {
    /// The pool's rules, in order.
    pub rules: Vec<DrainRule>,
    /// Those that the playbook adds, in order; each counts where it is stricter than the pool's.
    pub playbook_rules: Vec<DrainRule>,
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
    /// For how long the drain goes on already.
    pub waited: Span,
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
