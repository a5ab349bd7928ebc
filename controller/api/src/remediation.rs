//! Remediation: the journal of one node's repair.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use nodemend_core::ids::{Digest, RunUid};
use nodemend_core::plan::PlannedNode;
use nodemend_core::saga::Journal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which node is repaired, and under which plan. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "Remediation",
    plural = "remediations",
    shortname = "rem",
    category = "nodemend",
    status = "RemediationStatus",
    derive = "PartialEq",
    doc = "One node's repair in one run: what is to be done in spec, what happened in status. Starts only with grants of pool and guard.",
    validation = Rule::new("self.spec == oldSelf.spec").message("what a remediation is about is immutable"),
    validation = Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.epoch) || (has(self.status) && has(self.status.epoch) \
         && self.status.epoch >= oldSelf.status.epoch)"
    ).message("the journal belongs to a newer epoch: this writer has been replaced"),
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.repairs[0].node.name"),
    printcolumn(name = "Run", type_ = "string", json_path = ".spec.run"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".status.mode"),
    printcolumn(name = "Step", type_ = "string", json_path = r#".status.steps[?(@.state=="Started")].name"#),
    printcolumn(name = "Outcome", type_ = "string", json_path = ".status.outcome"),
    printcolumn(name = "Blocked by", type_ = "string", json_path = ".status.blockers[0].object"),
    printcolumn(name = "Pool", type_ = "string", json_path = ".spec.pool", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.blockers[0].next", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.run",
    selectable = ".status.nodeName"
)]
#[serde(rename_all = "camelCase")]
pub struct RemediationSpec {
    /// Name of the run.
    #[schemars(length(min = 1, max = 253))]
    pub run: String,
    /// UID of the run.
    #[serde(rename = "runUID")]
    pub run_uid: RunUid,
    /// Name of the pool.
    #[schemars(length(min = 1, max = 253))]
    pub pool: String,
    /// Digest of the plan.
    pub plan_digest: Digest,
    /// Digest of the page that the node is on.
    pub page_digest: Digest,
    /// Index of the page that the node is on.
    #[schemars(range(min = 1))]
    pub page_index: u32,
    /// What is repaired. A list, so that one cordon and drain can serve several findings later.
    #[schemars(length(min = 1, max = 1))]
    pub repairs: Vec<Repair>,
}

/// One repair of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// The node as it stands on the page.
    pub node: PlannedNode,
}

/// What happened so far; absent until the repair has begun.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemediationStatus {
    /// The journal.
    #[serde(flatten)]
    pub journal: Journal,
    /// Name of the node, for field selectors.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub node_name: String,
    /// `Ready`, `Reconciling` and `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// `metadata.generation` that this status is about.
    #[serde(default)]
    pub observed_generation: i64,
}
