//! RepairGuard: the one object that allows anything disruptive at all, and the cluster-wide record of it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use nodemend_core::budget::{Budget, Grant, Starts};
use nodemend_core::ids::Epoch;
use nodemend_core::snapshot::Behind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The only name that a RepairGuard may have.
pub const GUARD_NAME: &str = "cluster";

/// Cluster-wide limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "RepairGuard",
    plural = "repairguards",
    shortname = "rguard",
    category = "nodemend",
    status = "RepairGuardStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Cluster-wide limits on repairs. There is at most one, named `cluster`; without it nothing disruptive starts.",
    validation = Rule::new("self.metadata.name == 'cluster'").message("the only RepairGuard is named `cluster`"),
    validation = Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.epoch) || (has(self.status) && has(self.status.epoch) \
         && self.status.epoch >= oldSelf.status.epoch)"
    ).message("the guard belongs to a newer epoch: this writer has been replaced"),
    printcolumn(name = "Max unavailable", type_ = "string", json_path = ".spec.budget.maxUnavailable"),
    printcolumn(name = "Max in flight", type_ = "string", json_path = ".spec.budget.maxInFlight"),
    printcolumn(name = "Epoch", type_ = "integer", json_path = ".status.epoch"),
    printcolumn(name = "Behind", type_ = "string", json_path = ".status.behind.node"),
    printcolumn(name = "Granted", type_ = "string", json_path = ".status.grants[*].node"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RepairGuardSpec {
    /// How many nodes of the whole cluster may be out of service at once; absent means what the pools allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// What is granted, and by whom.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairGuardStatus {
    /// The highest epoch that any controller has taken; never goes down.
    #[serde(default)]
    pub epoch: Epoch,
    /// A host that obeys a higher epoch than this: nothing starts while it is here. `nodemend guard raise-epoch` takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// Permissions for nodes that are under repair, of all pools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Recent node starts of all pools, from which the rate is counted.
    #[serde(default, skip_serializing_if = "Starts::is_empty")]
    pub starts: Starts,
    /// `Ready`, `Reconciling` and `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// `metadata.generation` that this status is about.
    #[serde(default)]
    pub observed_generation: i64,
}
