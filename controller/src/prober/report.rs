//! One DiagnosisReport per node and source, its status replaced when a probe has something new to say.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client, ResourceExt};
use nodemend_api::conditions::{READY, Wanted, set};
use nodemend_api::report::{
    DiagnosisReport, DiagnosisReportSpec, DiagnosisReportStatus, FactsSummary, Subject,
};
use nodemend_core::finding::CheckResult;
use nodemend_core::ids::NodeUid;
use nodemend_core::snapshot::{Node, PROBER};
use nodemend_core::time::{Span, Time};
use nodemend_diagnosis::registry::keep_since;

use crate::checks::Reading;
use crate::store::{self, StoreError};

/// Writes reports, and knows what it wrote: a report that says nothing new is left as it is while it is good for long
/// enough. At thousands of nodes a write for each reading would be most of what the API server has to do.
#[derive(Debug, Default)]
pub(crate) struct Reports(Mutex<HashMap<NodeUid, Written>>);

/// What this process knows of a stored report.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// A hash of everything in it but times.
    content: u64,
    observed_at: Time,
    expires_at: Time,
}

impl Reports {
    /// Writes what was read unless the stored report says it already, keeping since when each check has failed.
    /// `validity` is how long what is written now counts.
    pub(super) async fn write(
        &self,
        client: &Client,
        node: &Node,
        reading: Reading,
        validity: Span,
    ) -> Result<(), StoreError> {
        let name = DiagnosisReport::name_for(&node.uid, PROBER);
        let content = content(&reading.results, &FactsSummary::from(&reading.facts));
        let observed_at = reading.facts.observed_at;
        if self.known(&node.uid).is_some_and(|written| written.will_do(&node.uid, content, observed_at)) {
            return Ok(());
        }
        let Some(mut report) = stored(client, &name, node).await? else { return Ok(()) };
        let previous = report.status.take().unwrap_or_default();
        let found = Written::of(&previous);
        if found.will_do(&node.uid, content, observed_at) {
            self.remember(&node.uid, found);
            return Ok(());
        }
        let status = status(previous, reading, validity, report.metadata.generation);
        let written = Written::of(&status);
        report.status = Some(status);
        store::put_status(client, &report).await?;
        self.remember(&node.uid, written);
        Ok(())
    }

    /// Forgets a node: its report is not there, or may be another's work.
    pub(super) fn forget(&self, node: &NodeUid) {
        self.lock().remove(node);
    }

    fn known(&self, node: &NodeUid) -> Option<Written> {
        self.lock().get(node).copied()
    }

    fn remember(&self, node: &NodeUid, written: Written) {
        self.lock().insert(node.clone(), written);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeUid, Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn of(status: &DiagnosisReportStatus) -> Self {
        Self {
            content: content(&status.results, &status.facts),
            observed_at: status.observed_at,
            expires_at: status.expires_at,
        }
    }

    /// Whether the stored report can stand for what was read: it says the same, and counts for long enough yet.
    fn will_do(&self, node: &NodeUid, content: u64, now: Time) -> bool {
        let validity = self.expires_at.since(self.observed_at).0;
        self.content == content && self.expires_at.since(now).0 > validity / 1000 * due_at(node)
    }
}

/// At which rest of its validity a report is renewed, in thousandths: from a quarter to three quarters, by node, so that
/// reports that were written at once are not renewed at once.
fn due_at(node: &NodeUid) -> i64 {
    let hash = nodemend_core::ids::short_hash(&[node.as_str()]);
    250 + i64::from_str_radix(&hash[..4], 16).unwrap_or_default() * 500 / 0xffff
}

/// A hash of what a report says, without its times.
fn content(results: &[CheckResult], facts: &FactsSummary) -> u64 {
    let mut hasher = DefaultHasher::new();
    for result in results {
        (&result.check, result.state, result.severity, &result.message).hash(&mut hasher);
        (&result.observed, &result.fingerprint).hash(&mut hasher);
    }
    (&facts.os_id, &facts.architecture, &facts.kernel, &facts.boot_id, &facts.packages).hash(&mut hasher);
    hasher.finish()
}

/// The report as it is stored, made if there is none. `None` if another probe of the same node makes it right now.
async fn stored(client: &Client, name: &str, node: &Node) -> Result<Option<DiagnosisReport>, StoreError> {
    let api: Api<DiagnosisReport> = Api::all(client.clone());
    match api.get_opt(name).await.map_err(StoreError::of::<DiagnosisReport>(name))? {
        Some(report) => Ok(Some(report)),
        None => store::create(client, &empty(name, node)).await,
    }
}

fn status(
    previous: DiagnosisReportStatus,
    reading: Reading,
    validity: Span,
    generation: Option<i64>,
) -> DiagnosisReportStatus {
    let observed_at = reading.facts.observed_at;
    let mut status =
        DiagnosisReportStatus::default().with_results(keep_since(&previous.results, reading.results));
    status.facts = FactsSummary::from(&reading.facts).after(&previous.facts);
    status.observed_at = observed_at;
    status.expires_at = observed_at.after(validity);
    status.conditions = previous.conditions;
    status.observed_generation = generation.unwrap_or_default();
    let unread = status.unknown > 0 && reading.facts.boot_id.is_none();
    let message = status.results.first().map(|result| result.message.clone()).unwrap_or_default();
    let wanted = Wanted {
        kind: READY,
        holds: Some(!unread),
        reason: if unread { "HostNotRead" } else { "HostRead" },
        message: if unread { &message } else { "the host was read" },
    };
    set(&mut status.conditions, wanted, generation, observed_at);
    status
}

/// How long a report counts: three intervals, for two missed probes are no reason to forget, and long enough for all
/// reports of a fleet of `nodes` to be renewed at less than one request per second. A renewal takes two and comes when
/// half of the validity has passed, so six seconds a node make two thirds of one. A repair begins with another look at
/// the host: an old finding starts nothing by itself.
pub(super) fn validity(interval: Span, nodes: usize) -> Span {
    let for_all = Span::seconds(i64::try_from(nodes).unwrap_or(i64::MAX / 10_000).saturating_mul(6));
    Span(interval.0.saturating_mul(3)).max(Span::minutes(1)).max(for_all)
}

fn empty(name: &str, node: &Node) -> DiagnosisReport {
    let subject = Subject { kind: "Node".into(), name: node.name.0.clone(), uid: node.uid.clone() };
    let mut report = DiagnosisReport::new(name, DiagnosisReportSpec { subject, source: PROBER.into() });
    // Goes with its node.
    report.owner_references_mut().push(OwnerReference {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: node.name.0.clone(),
        uid: node.uid.0.clone(),
        ..OwnerReference::default()
    });
    report
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
