//! DiagnosisReport: what one source said of one subject last.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use nodemend_core::facts::Facts;
use nodemend_core::finding::{CheckResult, CheckState};
use nodemend_core::ids::{BootId, NodeUid};
use nodemend_core::time::{Span, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Results that one report holds at most.
pub const MAX_RESULTS: usize = 64;

/// Whom a report is about, and who says it.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "DiagnosisReport",
    plural = "diagnosisreports",
    shortname = "dreport",
    category = "nodemend",
    status = "DiagnosisReportStatus",
    derive = "PartialEq",
    doc = "What one source observed on one subject last: results of checks and a summary of the facts.",
    validation = Rule::new("self.spec == oldSelf.spec").message("subject and source of a report are immutable"),
    printcolumn(name = "Subject", type_ = "string", json_path = ".spec.subject.name"),
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source"),
    printcolumn(name = "Failing", type_ = "integer", json_path = ".status.failing"),
    printcolumn(name = "Unknown", type_ = "integer", json_path = ".status.unknown"),
    printcolumn(name = "First failure", type_ = "string", json_path = r#".status.results[?(@.state=="Fail")].message"#),
    printcolumn(name = "Observed", type_ = "date", json_path = ".status.observedAt"),
    printcolumn(name = "Stalled", type_ = "string", json_path = r#".status.conditions[?(@.type=="Stalled")].message"#, priority = 1),
    selectable = ".spec.subject.name",
    selectable = ".spec.source"
)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosisReportSpec {
    /// Whom it is about.
    pub subject: Subject,
    /// Who says it, such as `prober`. A policy counts only the sources that it names.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub source: String,
}

/// The object that a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its kind; today always `Node`.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its UID: another machine under the same name is another subject.
    #[schemars(length(min = 1))]
    pub uid: NodeUid,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosisReportStatus {
    /// One result per check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["check"]))]
    pub results: Vec<CheckResult>,
    /// What the host is.
    #[serde(default)]
    pub facts: FactsSummary,
    /// When the subject was observed to be so: at the last change, or later. A report that says nothing new is written
    /// again only when a good part of its validity is over.
    #[serde(default)]
    pub observed_at: Time,
    /// When the report stops counting.
    #[serde(default)]
    pub expires_at: Time,
    /// How many checks fail.
    #[serde(default)]
    pub failing: u32,
    /// How many checks could not be told.
    #[serde(default)]
    pub unknown: u32,
    /// `Ready`, `Reconciling` and `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// `metadata.generation` that this status is about.
    #[serde(default)]
    pub observed_generation: i64,
}

/// What a host is. Absent means that it could not be observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactsSummary {
    /// `ID` of os-release.
    #[serde(default, rename = "osID", skip_serializing_if = "Option::is_none")]
    pub os_id: Option<String>,
    /// Machine hardware name as `uname -m` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Kernel release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The kernel's boot id.
    #[serde(default, rename = "bootID", skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<BootId>,
    /// When the machine was started, as it was first seen under this boot id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booted_at: Option<Time>,
    /// Installed versions of the packages that checks ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 64))]
    pub packages: Option<BTreeMap<String, Vec<String>>>,
}

impl From<&Facts> for FactsSummary {
    fn from(facts: &Facts) -> Self {
        Self {
            os_id: facts.os("ID").map(str::to_owned),
            architecture: facts.architecture.clone(),
            kernel: facts.kernel.clone(),
            boot_id: facts.boot_id.clone(),
            booted_at: facts.uptime_seconds.and_then(|seconds| {
                Some(facts.observed_at.before(Span::seconds(i64::try_from(seconds).ok()?)))
            }),
            packages: facts.packages.clone(),
        }
    }
}

impl FactsSummary {
    /// The same, with the time of the machine's start that was known under the same boot id: counted back from an uptime
    /// it would change a little with each look.
    #[must_use]
    pub fn after(mut self, known: &Self) -> Self {
        let same_boot = self.boot_id.is_some() && self.boot_id == known.boot_id;
        self.booted_at = known.booted_at.filter(|_| same_boot).or(self.booted_at);
        self
    }
}

impl DiagnosisReport {
    /// The name of the report of `source` on the subject with this UID: one object for each pair.
    pub fn name_for(subject: &NodeUid, source: &str) -> String {
        format!("{subject}.{source}")
    }
}

impl DiagnosisReportStatus {
    /// Puts results in, at most [`MAX_RESULTS`] of them, and counts them.
    #[must_use]
    pub fn with_results(mut self, results: Vec<CheckResult>) -> Self {
        self.results = results;
        self.results.truncate(MAX_RESULTS);
        self.failing = self.count(CheckState::Fail);
        self.unknown = self.count(CheckState::Unknown);
        self
    }

    fn count(&self, state: CheckState) -> u32 {
        let count = self.results.iter().filter(|result| result.state == state).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
