//! RepairPolicy: which findings are repaired automatically, with which playbook, and how far that may go.

#![expect(unreachable_pub, reason = "KubeSchema copies structs with rules into a function")]
#![expect(clippy::duplicated_attributes, reason = "printer columns look alike to the lint")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use nodemend_core::blocker::Blocker;
use nodemend_core::rollout::Rollout;
use nodemend_core::snapshot::{
    ApprovalFloor, ConditionMatch, Escalation, FindingMatch, Limits, PlaybookRef, PolicyMode, Recurrence,
};
use nodemend_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is repaired automatically.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "RepairPolicy",
    plural = "repairpolicies",
    shortname = "rpolicy",
    category = "nodemend",
    status = "RepairPolicyStatus",
    derive = "PartialEq",
    doc = "Which findings on which pools are repaired automatically, with which playbook, and how far that may go.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Playbook", type_ = "string", json_path = ".spec.playbook.name"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.playbook.version"),
    printcolumn(name = "Matched", type_ = "integer", json_path = ".status.matched"),
    printcolumn(name = "Last run", type_ = "string", json_path = ".status.lastRun"),
    printcolumn(name = "Blocked by", type_ = "string", json_path = ".status.blockers[0].object"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.blockers[0].next", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RepairPolicySpec {
    /// How far it may go.
    #[serde(default)]
    pub mode: PolicyMode,
    /// What it is for.
    #[serde(rename = "match")]
    pub matches: PolicyMatch,
    /// The RepairPools that it is for, by name.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub pools: Vec<String>,
    /// What repairs it.
    pub playbook: PlaybookRef,
    /// Parameters for the playbook.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub parameters: BTreeMap<String, String>,
    /// Higher goes first when several policies want the same pool.
    #[serde(default)]
    pub priority: i32,
    /// From which risk on a run needs a person's approval. May only ask for more than the pool does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalFloor>,
    /// How its runs spread over their nodes.
    #[serde(default)]
    pub rollout: Rollout,
    /// Pauses, and how often one node is tried.
    #[serde(default)]
    pub limits: Limits,
    /// How long after its creation a run of this policy may be seen first; later it expires. Default 24h.
    #[serde(default = "default_start_within")]
    pub start_within: Span,
    /// Stronger playbooks, in order, for nodes on which the one before did not clear the finding, or not for long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub escalation: Vec<Escalation>,
    /// How often one node may be repaired before a person has to look, though each repair helped for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// The change that its runs name, such as a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub change_ref: Option<String>,
    /// Whether it may make no run without `changeRef`.
    #[serde(default)]
    pub require_change_ref: bool,
}

/// What a policy is for: any of the findings, or any of the conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "(has(self.findings) && size(self.findings) > 0) || (has(self.conditions) && size(self.conditions) > 0)"
).message("give at least one finding or condition"))]
pub struct PolicyMatch {
    /// Failing checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub findings: Vec<FindingMatch>,
    /// Node conditions that a check of ours confirms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<ConditionMatch>,
}

/// How a policy is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairPolicyStatus {
    /// `Ready`, `Reconciling` and `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many nodes it matches now.
    #[serde(default)]
    pub matched: u32,
    /// The RepairRun that it made last, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<String>,
    /// What is waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub blockers: Vec<Blocker>,
    /// `metadata.generation` that this status is about.
    #[serde(default)]
    pub observed_generation: i64,
}

pub(crate) const fn default_start_within() -> Span {
    Span::minutes(24 * 60)
}
