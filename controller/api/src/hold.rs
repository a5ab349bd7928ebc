//! Hold: everything that stops anything.

use kube::CustomResource;
use nodemend_core::snapshot::{self, HoldLevel, HoldScope};
use nodemend_core::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is stopped, by whom and why. Immutable: deleting the object releases it.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "Hold",
    plural = "holds",
    category = "nodemend",
    derive = "PartialEq",
    doc = "Stops new steps within its scope until it is deleted or `until` has passed. Other Holds stand on their own.",
    validation = Rule::new("self.spec == oldSelf.spec").message("a hold is immutable: make another one and release this one"),
    printcolumn(name = "Scope", type_ = "string", json_path = ".spec.scope"),
    printcolumn(name = "Held by", type_ = "string", json_path = ".spec.heldBy"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason"),
    printcolumn(name = "Level", type_ = "string", json_path = ".spec.level"),
    printcolumn(name = "Until", type_ = "string", json_path = ".spec.until"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".spec.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct HoldSpec {
    /// What is stopped. Exactly one member.
    pub scope: HoldScope,
    /// Who stops it.
    #[schemars(length(min = 1, max = 256))]
    pub held_by: String,
    /// Why.
    #[schemars(length(min = 1, max = 512))]
    pub reason: String,
    /// What was seen, with the figures, where a reason of one word is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// How hard it stops. Default `Stop`.
    #[serde(default)]
    pub level: HoldLevel,
    /// Until when; absent means until the Hold is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// What core decided to hold, as an object's spec.
impl From<&snapshot::Hold> for HoldSpec {
    fn from(hold: &snapshot::Hold) -> Self {
        Self {
            scope: hold.scope.clone(),
            held_by: hold.held_by.clone(),
            reason: hold.reason.clone(),
            message: hold.message.clone(),
            level: hold.level,
            until: hold.until,
        }
    }
}
