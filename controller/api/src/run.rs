//! RepairRun: one batch repair of one pool, asked for by a policy or a person.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use nodemend_core::snapshot::{RunRequest, RunStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// On the root, so that it fires for removed fields too. Optional fields are compared with `has()`: the API server
/// estimates the cost of `.?` as unbounded.
const IMMUTABLE: &str = "\
    self.spec.pool == oldSelf.spec.pool && self.spec.playbook == oldSelf.spec.playbook \
    && self.spec.version == oldSelf.spec.version && self.spec.nodes == oldSelf.spec.nodes \
    && self.spec.requestedBy == oldSelf.spec.requestedBy && self.spec.startBefore == oldSelf.spec.startBefore \
    && has(self.spec.parameters) == has(oldSelf.spec.parameters) \
    && (!has(self.spec.parameters) || self.spec.parameters == oldSelf.spec.parameters) \
    && has(self.spec.rollout) == has(oldSelf.spec.rollout) \
    && (!has(self.spec.rollout) || self.spec.rollout == oldSelf.spec.rollout) \
    && has(self.spec.changeRef) == has(oldSelf.spec.changeRef) \
    && (!has(self.spec.changeRef) || self.spec.changeRef == oldSelf.spec.changeRef) \
    && has(self.spec.planOnly) == has(oldSelf.spec.planOnly) \
    && (!has(self.spec.planOnly) || self.spec.planOnly == oldSelf.spec.planOnly)";

/// What is asked. Immutable, but for operations that are added.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "RepairRun",
    plural = "repairruns",
    shortname = "rrun",
    category = "nodemend",
    status = "RepairRunStatus",
    derive = "PartialEq",
    doc = "One batch repair of one pool: what is asked, by whom, and what became of it.",
    validation = Rule::new(IMMUTABLE).message("a run is immutable but for added operations: make another run"),
    validation = Rule::new(
        "!has(oldSelf.spec.operations) || (has(self.spec.operations) \
         && oldSelf.spec.operations.all(old, old in self.spec.operations))"
    ).message("operations are append-only: none may be changed or taken away"),
    validation = Rule::new(
        "!has(self.spec.operations) || self.spec.operations.all(o, o.verb != 'resolve' \
         || (has(o.target) && has(o.step) && has(o.outcome)))"
    ).message("an operation `resolve` says target, step and outcome"),
    validation = Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.plan) || (has(self.status) && has(self.status.plan) \
         && self.status.plan == oldSelf.status.plan)"
    ).message("the plan is written once"),
    printcolumn(name = "Pool", type_ = "string", json_path = ".spec.pool"),
    printcolumn(name = "Playbook", type_ = "string", json_path = ".spec.playbook"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.counts.planned"),
    printcolumn(name = "In flight", type_ = "integer", json_path = ".status.counts.inFlight"),
    printcolumn(name = "Repaired", type_ = "integer", json_path = ".status.counts.repaired"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.counts.failed"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.counts.held"),
    printcolumn(name = "Blocked by", type_ = "string", json_path = ".status.blockers[0].object"),
    printcolumn(name = "Requested by", type_ = "string", json_path = ".spec.requestedBy", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.blockers[0].next", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.pool",
    selectable = ".status.phase"
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct RepairRunSpec(pub RunRequest);

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairRunStatus {
    /// Phase, plan, counts and blockers.
    #[serde(flatten)]
    pub run: RunStatus,
    /// `Ready`, `Reconciling` and `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_but_operations_is_immutable() {
        let schema = serde_json::to_value(schemars::schema_for!(RunRequest)).unwrap();
        for field in schema["properties"].as_object().unwrap().keys().filter(|key| *key != "operations") {
            let compared = format!("self.spec.{field} == oldSelf.spec.{field}");
            assert!(IMMUTABLE.contains(&compared), "{field}");
        }
    }
}
