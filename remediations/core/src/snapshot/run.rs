//! A RepairRun, as decisions see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ledger, Mark, PlanSummary};
use crate::blocker::Blocker;
use crate::finding::Evidence;
use crate::ids::{CheckId, NodeName, RunUid};
use crate::rollout::Rollout;
use crate::time::{Span, Time};

/// A RepairRun.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// Name.
    pub name: String,
    /// UID.
    pub uid: RunUid,
    /// When it was created.
    pub created: Time,
    /// Whether it is being deleted: means abort.
    pub deleting: bool,
    /// Whether it carries our finalizer.
    pub finalized: bool,
    /// What is asked.
    pub request: RunRequest,
    /// What became of it.
    pub status: RunStatus,
}

/// What a run is asked to do: everything in it is immutable but `operations`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// The pool.
    #[schemars(length(min = 1, max = 253))]
    pub pool: String,
    /// The playbook's name without version.
    #[schemars(length(min = 1, max = 63))]
    pub playbook: String,
    /// The playbook's exact version.
    #[schemars(length(min = 5, max = 64))]
    pub version: String,
    /// Parameters for the playbook.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Which nodes of the pool.
    pub nodes: NodeSelection,
    /// How it spreads.
    #[serde(default)]
    pub rollout: Rollout,
    /// Who asked: `policy:NAME`, or the user's name as the API server knows it.
    #[schemars(length(min = 1, max = 256))]
    pub requested_by: String,
    /// First seen later than this, the run is `Expired` and does nothing.
    pub start_before: Time,
    /// Change ticket or the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub change_ref: Option<String>,
    /// Make the plan and start nothing.
    #[serde(default)]
    pub plan_only: bool,
    /// What people ask of a run that has begun. Append-only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub operations: Vec<Operation>,
}

/// Which nodes of the pool a run is for; exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeSelection {
    /// Nodes on which one of these checks fails.
    Findings {
        /// The checks; one that fails is enough.
        #[schemars(length(min = 1, max = 8))]
        checks: Vec<CheckId>,
    },
    /// Nodes that a policy matched.
    Policy {
        /// The policy's name.
        name: String,
        /// How far the policy's escalation has gone on these nodes: 0 is its first playbook.
        #[serde(default)]
        rung: u32,
    },
    /// These nodes, whether they have a finding or not.
    Named {
        /// Their names.
        #[schemars(length(min = 1, max = 256))]
        names: Vec<NodeName>,
    },
}

/// Something a person asks of a run that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Unique in the run.
    #[schemars(length(min = 1, max = 63))]
    pub id: String,
    /// What is asked.
    pub verb: Verb,
    /// Name of the node it is about; absent means the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<NodeName>,
    /// For `resolve`: name of the step it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub step: Option<String>,
    /// For `resolve`: what became of that step, or of its undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Resolution>,
    /// Why.
    #[schemars(length(min = 1, max = 512))]
    pub reason: String,
    /// Who asks.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,
}

/// What can be asked of a run that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// Start nothing more, for good.
    Abort,
    /// Go on after a failure. Not honoured yet.
    Resume,
    /// Undo what was changed. Not honoured yet.
    Rollback,
    /// Say what became of a step of a held node that nobody else can know.
    Resolve,
    /// Try a failed node again. Not honoured yet.
    Retry,
}

/// What a person found out about a step, or about its undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Resolution {
    /// What it is for holds: the step counts as done, or what it did as put back.
    Succeeded,
    /// It does not: the step failed, or its undo is tried again.
    Failed,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// Where it is.
    #[serde(default)]
    pub phase: RunPhase,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// The plan; written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSummary>,
    /// The batch that is being worked on, from 0.
    #[serde(default)]
    pub batch: u32,
    /// Nodes by what became of them.
    #[serde(default)]
    pub counts: Counts,
    /// What became of each planned node, one letter each, in the plan's order: `.` not begun, `b` begun, `h` held,
    /// `r` repaired, `c` cleared, `x` replaced, `s` skipped, `f` failed. Outlives the Remediations.
    #[serde(default)]
    pub nodes: Ledger,
    /// Since when everything of the batch is over, while its soak lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soaking_since: Option<Time>,
    /// Nodes that failed or were held one after the other, up to now.
    #[serde(default)]
    pub consecutive_failures: u32,
    /// The failure limit that was reached. Once it is there, this run starts nothing more, ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub limit_reached: Option<String>,
    /// The longest repair so far: what the next one is expected to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_repair: Option<Span>,
    /// What is waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub blockers: Vec<Blocker>,
    /// When the first node was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// `metadata.generation` that this status is about.
    #[serde(default)]
    pub observed_generation: i64,
}

impl RunStatus {
    /// This status where `stored` is what it replaces. What it was made of may lag behind: a node never becomes unbegun,
    /// a row of failures is not cut short by who has not seen it, and a limit that was reached stays reached.
    #[must_use]
    pub fn after(self, stored: &Self) -> Self {
        let nodes = self.nodes.after(&stored.nodes);
        let lags = nodes != self.nodes;
        Self {
            nodes,
            consecutive_failures: if lags {
                self.consecutive_failures.max(stored.consecutive_failures)
            } else {
                self.consecutive_failures
            },
            limit_reached: self.limit_reached.or_else(|| stored.limit_reached.clone()),
            longest_repair: self.longest_repair.max(stored.longest_repair),
            ..self
        }
    }
}

/// Where a run is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum RunPhase {
    /// Seen, not planned yet.
    #[default]
    Pending,
    /// Planned; waits for what `blockers` say, or forever if it was asked for a plan only.
    Planned,
    /// Nodes are being repaired.
    Running,
    /// A node failed or is held: nothing more starts.
    Stopped,
    /// Every node is repaired, cleared, replaced or gone.
    Succeeded,
    /// Over, with nodes that failed or were not reached.
    Failed,
    /// First seen after `startBefore`.
    Expired,
    /// A plan that no longer is what it was.
    Superseded,
    /// Ended by a person.
    Aborted,
}

/// Nodes of a run by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "named after the outcomes and modes of a journal")]
pub struct Counts {
    pub planned: u32,
    #[serde(default)]
    pub in_flight: u32,
    #[serde(default)]
    pub repaired: u32,
    #[serde(default)]
    pub cleared: u32,
    #[serde(default)]
    pub replaced: u32,
    #[serde(default)]
    pub skipped: u32,
    #[serde(default)]
    pub failed: u32,
    #[serde(default)]
    pub held: u32,
}

impl Counts {
    /// Counts a node that was begun; one that was not is only planned.
    pub(crate) fn add(&mut self, mark: Mark) {
        let count = match mark {
            Mark::Waiting => return,
            Mark::Begun => &mut self.in_flight,
            Mark::Held => &mut self.held,
            Mark::Repaired => &mut self.repaired,
            Mark::Cleared => &mut self.cleared,
            Mark::Replaced => &mut self.replaced,
            Mark::Skipped => &mut self.skipped,
            Mark::Failed => &mut self.failed,
        };
        *count += 1;
    }
}

impl RunPhase {
    /// Whether nothing more will happen.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Expired | Self::Superseded | Self::Aborted)
    }
}

/// What a plan found for one node that it includes.
pub type EvidenceByNode = BTreeMap<NodeName, Vec<Evidence>>;
