//! The form of a playbook, as people write it and as the API server stores it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::actions::Do;
use crate::time::Span;

/// One immutable version of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Playbook {
    /// Name without version, such as `upgrade-systemd`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Semantic version of this text.
    #[schemars(length(min = 5, max = 64))]
    pub version: String,
    /// One sentence: what it repairs and how.
    #[schemars(length(min = 1, max = 512))]
    pub summary: String,
    /// What a node loses while it runs; decides from when approval is needed.
    pub risk: Risk,
    /// Values that a policy or a person may set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// Which hosts it is for.
    #[serde(default)]
    pub applies_to: Applies,
    /// What is done, in order; phases never go back.
    #[schemars(length(min = 1, max = 32))]
    pub steps: Vec<Step>,
}

/// What a node loses while a playbook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Risk {
    /// Nothing that a workload would notice.
    Low,
    /// A service of the node restarts.
    Medium,
    /// Pods are moved, packages change or the machine restarts.
    High,
}

/// A value that may be set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// What it is for.
    #[schemars(length(max = 512))]
    pub description: String,
    /// The value if nobody sets one; without it the parameter must be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub default: Option<String>,
}

/// Kinds of values; each is written as text and checked against its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ParameterType {
    /// Any text of printable characters.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A length of time such as `10m`.
    Duration,
    /// An RPM `[epoch:]version-release`.
    RpmVersion,
}

/// Which hosts a playbook is for. An empty list asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Applies {
    /// Values of `ID` in os-release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub os: Vec<String>,
    /// Machine hardware names as `uname -m` has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub architectures: Vec<String>,
}

/// The phases of a repair, in order. Everything in `Prepare` leaves the node serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Phase {
    /// Find out whether it can work: download, test, locks, space. Nothing disruptive.
    Prepare,
    /// Take the node out of service: cordon, drain.
    Disrupt,
    /// Change the host.
    Repair,
    /// Prove it.
    Verify,
    /// Put the node back into service.
    Release,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Name, unique in the playbook.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Which phase it belongs to.
    pub phase: Phase,
    /// What is done.
    #[serde(rename = "do")]
    pub action: Do,
    /// How long it may take; absent is the action's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// What to do about this step when a later one fails; required on steps that disturb the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

/// What to do about a step that was done when a later one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Undo {
    /// Put back what it was, from the prior values in the journal.
    Restore,
    /// It cannot be put back: hold the node for a person.
    Hold,
}

impl Playbook {
    /// The name of the Playbook object of this version.
    pub fn object_name(&self) -> String {
        object_name(&self.name, &self.version)
    }
}

impl Step {
    /// How long this step may take.
    pub fn time_limit(&self) -> Span {
        self.timeout.unwrap_or_else(|| self.action.action().default_timeout())
    }
}

/// The name of the Playbook object of one version: `upgrade-systemd-1.0.0`.
pub fn object_name(name: &str, version: &str) -> String {
    format!("{name}-{version}").replace('+', "-")
}
