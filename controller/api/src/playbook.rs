//! Playbook: one immutable version of a repair, as an object of the cluster.

use kube::CustomResource;
use nodemend_core::playbook::Playbook as PlaybookText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The playbook itself, in the same form as in a file.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "Playbook",
    plural = "playbooks",
    category = "nodemend",
    derive = "PartialEq",
    doc = "One immutable version of a repair: typed steps in phases. The object's name is the playbook's name, a hyphen and its version.",
    validation = Rule::new("self.spec == oldSelf.spec").message("a playbook is immutable: give the text a new version and a new object"),
    validation = Rule::new("self.metadata.name == self.spec.name + '-' + self.spec.version.replace('+', '-')")
        .message("the object's name must be the playbook's name, a hyphen and its version (with `-` for `+`)"),
    printcolumn(name = "Playbook", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version"),
    printcolumn(name = "Risk", type_ = "string", json_path = ".spec.risk"),
    printcolumn(name = "Summary", type_ = "string", json_path = ".spec.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct PlaybookSpec(pub PlaybookText);

impl Playbook {
    /// The object for a playbook, under the name that the API server asks for.
    pub fn of(text: PlaybookText) -> Self {
        Self::new(&text.object_name(), PlaybookSpec(text))
    }
}
