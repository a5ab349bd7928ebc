//! A RepairPolicy, as decisions see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApprovalFloor, Limits};
use crate::finding::Severity;
use crate::ids::CheckId;
use crate::plan::Rollout;
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
    /// Playbook's name without version.
    pub playbook: String,
    /// Semver requirement on the playbook's version.
    pub version: String,
    /// Parameters for the playbook.
    pub parameters: BTreeMap<String, String>,
    /// Higher goes first when several policies want the same pool.
    pub priority: i32,
    /// May only ask for more than the pool does.
    pub approval: Option<ApprovalFloor>,
    /// How its runs spread.
    pub rollout: Rollout,
    /// Pauses.
    pub limits: Limits,
    /// How long after its creation a run of this policy may be seen first; later it expires.
    pub start_within: Span,
    /// Names of fields that are set and not honoured yet; any stops its runs.
    pub unsupported: Vec<String>,
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
