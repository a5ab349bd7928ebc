//! Who cordoned a node, and how it was before: written on the node with the cordon, in one guarded patch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::RunUid;
use crate::time::Time;

/// Annotation that holds a [`CordonMark`] as JSON while a cordon is ours.
pub const CORDON_ANNOTATION: &str = "nodemend.dev/cordon";
/// Annotation with what a person should know who finds the node: what happened.
pub const MESSAGE_ANNOTATION: &str = "nodemend.dev/message";
/// Annotation with the command that undoes our cordon, or says how to go on.
pub const NEXT_ANNOTATION: &str = "nodemend.dev/next";

/// Whose cordon it is, and the state to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CordonMark {
    /// Name of the Remediation that holds the cordon.
    pub remediation: String,
    /// Name of its RepairRun.
    pub run: String,
    /// UID of its RepairRun.
    pub run_uid: RunUid,
    /// Since when.
    pub since: Time,
    /// `spec.unschedulable` before we touched it: what `uncordon` goes back to.
    pub was_unschedulable: bool,
    /// Whether the repair is of a kind that changes the host for good: a cordon whose repair is gone is lifted only where
    /// it is not. A mark that does not say may hide anything.
    #[serde(default = "unknown")]
    pub changes_host: bool,
}

const fn unknown() -> bool {
    true
}
