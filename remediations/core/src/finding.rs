//! What a check says of a subject: four result states, never two.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CheckId, Digest};
use crate::time::Time;

/// The result of a check. Only `Fail` may start a repair, only `Pass` may clear a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum CheckState {
    /// Observed, and in order.
    Pass,
    /// Observed, and not in order.
    Fail,
    /// Could not be observed.
    Unknown,
    /// Does not apply to this subject.
    Skip,
}

/// How bad a failing check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Severity {
    /// Could be better.
    Advice,
    /// Will break.
    Warning,
    /// A part is broken.
    Error,
    /// Work is lost now.
    Critical,
}

/// What one check said of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// Which check.
    pub check: CheckId,
    /// What it said.
    pub state: CheckState,
    /// How bad it is while it fails.
    pub severity: Severity,
    /// One sentence for people.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// What was observed, by name (`installed`, `running`, `minimum`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed: BTreeMap<String, String>,
    /// Identity of the fault over repeated observations: same check, same subject, same observed values.
    pub fingerprint: Digest,
    /// Since when the check has failed, as far as it could be observed. A reading that could not be made hands the
    /// time on, so it says nothing of the present state: only `state` does. Absent once the check passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Time>,
    /// When it was observed last.
    pub observed_at: Time,
}

/// What a plan keeps of a finding: enough to recognise it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Which check failed.
    pub check: CheckId,
    /// The finding's fingerprint when the plan was made.
    pub fingerprint: Digest,
    /// What was wrong, in a sentence.
    #[schemars(length(max = 256))]
    pub message: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

impl From<&CheckResult> for Evidence {
    fn from(result: &CheckResult) -> Self {
        Self {
            check: result.check.clone(),
            fingerprint: result.fingerprint.clone(),
            message: result.message.chars().take(256).collect(),
            since: result.failing_since,
        }
    }
}
