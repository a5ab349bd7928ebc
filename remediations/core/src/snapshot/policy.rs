//! A RepairPolicy, as decisions see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApprovalFloor;
use crate::finding::Severity;
use crate::ids::CheckId;
use crate::rollout::Rollout;
use crate::time::Span;

/// A RepairPolicy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Policy {
    /// Name.
    pub name: String,
    /// What it may do.
    pub mode: PolicyMode,
    /// Which pools, by name.
    pub pools: Vec<String>,
    /// Findings that it is for; any of them.
    pub findings: Vec<FindingMatch>,
    /// Node conditions that it is for; any of them.
    pub conditions: Vec<ConditionMatch>,
    /// What repairs it first.
    pub playbook: PlaybookRef,
    /// What repairs it when that did not help, in order.
    pub escalation: Vec<Escalation>,
    /// Parameters for the playbook.
    pub parameters: BTreeMap<String, String>,
    /// Higher goes first when several policies want the same pool.
    pub priority: i32,
    /// May only ask for more than the pool does.
    pub approval: Option<ApprovalFloor>,
    /// How its runs spread.
    pub rollout: Rollout,
    /// Pauses, and how often one node is tried.
    pub limits: Limits,
    /// How often one node may be repaired before a person has to look.
    pub recurrence: Option<Recurrence>,
    /// The change that its runs name.
    pub change_ref: Option<String>,
    /// Whether it may make no run without one.
    pub require_change_ref: bool,
    /// How long after its creation a run of this policy may be seen first; later it expires.
    pub start_within: Span,
    /// Names of fields that are set and not honoured yet; any stops its runs.
    pub unsupported: Vec<String>,
}

impl Policy {
    /// Playbook and parameters at one rung of its ladder; past its end, those of the last.
    pub fn at_rung(&self, rung: u32) -> (&PlaybookRef, &BTreeMap<String, String>) {
        let above = self.escalation.iter().take(rung as usize).next_back();
        above.map_or((&self.playbook, &self.parameters), |step| (&step.playbook, &step.parameters))
    }
}

/// What a policy may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum PolicyMode {
    /// Say what matches. Default.
    #[default]
    Observe,
    /// Make runs with a plan, and start nothing.
    Plan,
    /// Repair.
    Enforce,
}

/// Findings that a policy is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindingMatch {
    /// The check that fails.
    pub check: CheckId,
    /// At least this bad; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// Failing for at least this long. Default 0s.
    #[serde(default)]
    pub min_age: Span,
    /// Values that must have been observed, by name, such as `installed: 219-62.el7`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed: BTreeMap<String, String>,
    /// Whose reports count. Default: our own prober alone.
    #[serde(default = "own_prober")]
    #[schemars(length(min = 1, max = 8))]
    pub sources: Vec<String>,
}

/// The source of our own prober's reports.
pub const PROBER: &str = "prober";

fn own_prober() -> Vec<String> {
    vec![PROBER.to_owned()]
}

/// A node condition that a policy is for, if a check of ours confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionMatch {
    /// The condition's type, such as `Ready`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub kind: String,
    /// Statuses that count as the fault, such as `["False", "Unknown"]`: vendors differ in which is bad.
    #[schemars(length(min = 1, max = 3))]
    pub status: Vec<String>,
    /// How long it has to have stood.
    #[serde(rename = "for")]
    pub stands: Span,
    /// The check of ours that must fail on the node too: conditions that never clear are common.
    pub confirm_by: CheckId,
}

/// A playbook and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaybookRef {
    /// The playbook's name without version.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// A requirement on its version, such as `^1.0`; the highest version that meets it is taken.
    #[schemars(length(min = 1, max = 64))]
    pub version: String,
}

/// A stronger playbook when the one before did not help.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Escalation {
    /// After how many tries of the playbook before it on the same node, within `limits.within`, while the finding is
    /// still there or is back.
    #[schemars(range(min = 1))]
    pub after_failures: u32,
    /// What repairs it then.
    pub playbook: PlaybookRef,
    /// Parameters for that playbook.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub parameters: BTreeMap<String, String>,
}

/// How often one node may be repaired by a policy, though each repair helped for a while.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recurrence {
    /// How many repairs.
    #[schemars(range(min = 1))]
    pub max_repairs: u32,
    /// In how long.
    pub within: Span,
}

/// Pauses between the repairs of a policy, and how often one node is tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Pause after a run of this policy ended in a pool before it starts another there. Default 10m.
    #[serde(default = "default_cool_down")]
    pub cool_down: Span,
    /// Pause after one node was tried before the same playbook is tried on it again. Default 30m.
    #[serde(default = "default_node_cool_down")]
    pub node_cool_down: Span,
    /// How often one node is tried within `within`, all playbooks together. Default 3.
    #[serde(default = "default_max_attempts")]
    pub max_attempts: u32,
    /// For how long tries are remembered. Default 24h.
    #[serde(default = "default_within")]
    pub within: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cool_down: default_cool_down(),
            node_cool_down: default_node_cool_down(),
            max_attempts: default_max_attempts(),
            within: default_within(),
        }
    }
}

const fn default_cool_down() -> Span {
    Span::minutes(10)
}

const fn default_node_cool_down() -> Span {
    Span::minutes(30)
}

const fn default_max_attempts() -> u32 {
    3
}

const fn default_within() -> Span {
    Span::minutes(24 * 60)
}
