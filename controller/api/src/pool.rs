//! RepairPool: which nodes belong together, how they are reached, and how many may be out of service at once.

#![expect(unreachable_pub, reason = "KubeSchema copies structs with rules into a function")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use nodemend_core::blocker::Blocker;
use nodemend_core::budget::{Budget, Grant, Starts};
use nodemend_core::drain::DrainRule;
use nodemend_core::ids::{CheckId, Epoch};
use nodemend_core::rollout::storm::{Breaker, StormState};
use nodemend_core::rollout::window::Window;
use nodemend_core::selector::Selector;
use nodemend_core::snapshot::ApprovalFloor;
use nodemend_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::PoolAccess;

/// Which nodes are repaired together, and how carefully.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "RepairPool",
    plural = "repairpools",
    shortname = "rpool",
    category = "nodemend",
    status = "RepairPoolStatus",
    derive = "PartialEq",
    doc = "A set of nodes that are repaired together: how they are reached, and how many may be out of service at once.",
    validation = Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.epoch) || (has(self.status) && has(self.status.epoch) \
         && self.status.epoch >= oldSelf.status.epoch)"
    ).message("the pool belongs to a newer epoch: this writer has been replaced"),
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.counts.nodes"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.counts.ready"),
    printcolumn(name = "Failing", type_ = "integer", json_path = ".status.counts.failing"),
    printcolumn(name = "Unavailable", type_ = "integer", json_path = ".status.counts.unavailable"),
    printcolumn(name = "In flight", type_ = "integer", json_path = ".status.counts.inFlight"),
    printcolumn(name = "Budget", type_ = "string", json_path = ".spec.budget.maxUnavailable"),
    printcolumn(name = "Blocked by", type_ = "string", json_path = ".status.blockers[0].object"),
    printcolumn(name = "Storm", type_ = "date", json_path = ".status.storm.since"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.blockers[0].next", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RepairPoolSpec {
    /// Which nodes belong to the pool, by label. A node in two pools is repaired by neither.
    #[x_kube(validation = Rule::new(
        "(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)"
    ).message("an empty selector is refused: give matchLabels or matchExpressions"))]
    pub node_selector: Selector,
    /// How the machines are reached.
    pub access: PoolAccess,
    /// How many nodes may be out of service at once.
    pub budget: Budget,
    /// When repairs may start; empty means at any time. A window that cannot be read, such as one with an unknown time
    /// zone, stops every start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.all(window, has(window.duration) != has(window.end))")
        .message("give exactly one of duration and end"))]
    pub windows: Vec<Window>,
    /// What happens to pods when a node is emptied.
    #[serde(default)]
    pub drain: PoolDrain,
    /// From which risk on every run of this pool needs a person's approval.
    #[serde(default)]
    pub approval: ApprovalFloor,
    /// When repairs stop because so much is broken at once that the nodes are hardly the cause. The breaker is on with
    /// its defaults when this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Breaker>,
    /// Whether its control-plane nodes may be repaired at all: one at a time, last, and only while all others serve.
    #[serde(default)]
    pub control_plane: bool,
    /// Whether each run of this pool has to name a change (`spec.changeRef`).
    #[serde(default)]
    pub require_change_ref: bool,
    /// How often each host is read.
    #[serde(default = "default_observe_interval")]
    pub observe_interval: Span,
    /// Settings of checks, by the check's id, such as `insp.version.systemd: {minVersion: "219-67"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub check_config: BTreeMap<CheckId, BTreeMap<String, String>>,
}

/// What happens to pods when a node of the pool is emptied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolDrain {
    /// Rules by pod; the first that matches counts. Pods that none matches are evicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.all(rule, rule.action != 'Block' || !has(rule.timeout))")
        .message("a rule that blocks ends the drain at once: it has no timeout"))]
    pub rules: Vec<DrainRule>,
}

/// How a pool is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairPoolStatus {
    /// The epoch of the controller that wrote last, once it has one; never goes down.
    #[serde(default)]
    pub epoch: Epoch,
    /// `Ready`, `Reconciling` and `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Permissions for nodes of this pool that are under repair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Recent node starts of this pool, from which the rate is counted.
    #[serde(default, skip_serializing_if = "Starts::is_empty")]
    pub starts: Starts,
    /// The storm that there is, or was less than `spec.storm.calm` ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormState>,
    /// The pool's nodes by how they are.
    #[serde(default)]
    pub counts: PoolCounts,
    /// What is waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub blockers: Vec<Blocker>,
    /// `metadata.generation` that this status is about.
    #[serde(default)]
    pub observed_generation: i64,
}

/// The nodes of a pool by how they are; one node may count in several.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolCounts {
    /// All.
    #[serde(default)]
    pub nodes: u32,
    /// With condition `Ready`.
    #[serde(default)]
    pub ready: u32,
    /// Not Ready, cordoned by anybody, gone while under repair, or under repair.
    #[serde(default)]
    pub unavailable: u32,
    /// Under repair.
    #[serde(default)]
    pub in_flight: u32,
    /// With at least one failing check.
    #[serde(default)]
    pub failing: u32,
}

const fn default_observe_interval() -> Span {
    Span::minutes(10)
}
