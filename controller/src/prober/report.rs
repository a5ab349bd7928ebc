//! One DiagnosisReport per node and source, its status replaced by each probe.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client, ResourceExt};
use nodemend_api::conditions::{READY, Wanted, set};
use nodemend_api::pool::RepairPool;
use nodemend_api::report::{
    DiagnosisReport, DiagnosisReportSpec, DiagnosisReportStatus, FactsSummary, Subject,
};
use nodemend_core::snapshot::{Node, PROBER};
use nodemend_core::time::{Span, Time};
use nodemend_diagnosis::registry::keep_since;

use crate::checks::Reading;
use crate::store::{self, StoreError};

/// Writes what was read, keeping since when each check has failed.
pub(super) async fn write(
    client: &Client,
    pool: &RepairPool,
    node: &Node,
    reading: Reading,
) -> Result<(), StoreError> {
    let name = DiagnosisReport::name_for(&node.uid, PROBER);
    let api: Api<DiagnosisReport> = Api::all(client.clone());
    let found = api.get_opt(&name).await.map_err(StoreError::of::<DiagnosisReport>(&name))?;
    let mut report = match found {
        Some(report) => report,
        None => match store::create(client, &empty(&name, node)).await? {
            Some(created) => created,
            // Made in between by another probe of the same node: that one writes.
            None => return Ok(()),
        },
    };
    let previous = report.status.take().unwrap_or_default();
    report.status = Some(status(previous, pool, reading, report.metadata.generation));
    store::put_status(client, &report).await.map(|_| ())
}

fn status(
    previous: DiagnosisReportStatus,
    pool: &RepairPool,
    reading: Reading,
    generation: Option<i64>,
) -> DiagnosisReportStatus {
    let observed_at = reading.facts.observed_at;
    let mut status =
        DiagnosisReportStatus::default().with_results(keep_since(&previous.results, reading.results));
    status.facts = FactsSummary::from(&reading.facts).after(&previous.facts);
    status.observed_at = observed_at;
    status.expires_at = expiry(pool.spec.observe_interval, observed_at);
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

/// A report counts for three intervals: two missed probes are no reason to forget, more are.
fn expiry(interval: Span, observed_at: Time) -> Time {
    observed_at.after(Span(interval.0.saturating_mul(3)).max(Span::minutes(1)))
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
