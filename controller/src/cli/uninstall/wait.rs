//! Waiting for the controller to end its runs, for as long as it gives a sign of life.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Api, Resource, ResourceExt};
use nodemend_api::install;
use nodemend_api::remediation::Remediation;
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::{Remediation as Row, Snapshot};
use nodemend_core::time::Span;
use serde::de::DeserializeOwned;

use crate::cli::CliError;
use crate::cli::abort;
use crate::cli::client::Cluster;
use crate::cli::error::Asked;
use crate::cli::output::print;
use crate::finalizer;

/// How often the cluster is looked at.
const POLL: Duration = Duration::from_secs(2);
/// Why runs are ended, as they remember it.
const REASON: &str = "nodemend uninstall";

/// How it came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing is under way, and nothing waits for the controller.
    InOrder,
    /// Something is under way, and the controller has given no sign of life for as long as it was waited for.
    Abandoned,
}

/// Ends every run that there is or that comes, and waits until all are over or the controller is taken for gone.
pub(super) async fn until_over(
    cluster: &Cluster,
    namespace: &str,
    patience: Span,
) -> Result<Ended, CliError> {
    let by = cluster.user().await?;
    let mut signs = Signs::default();
    let mut told = String::new();
    loop {
        let snapshot = cluster.snapshot().await?;
        for run in snapshot.runs.values().filter(|run| !run.status.phase.is_over()) {
            abort::end(cluster, &run.name, &by, REASON).await?;
        }
        let waiting = waiting(&snapshot);
        if waiting.is_empty() && waiting_for_finalizers(cluster).await? == 0 {
            return Ok(Ended::InOrder);
        }
        let silent = signs.silent_for(snapshot, lease(cluster, namespace).await, Instant::now());
        if silent > patience.as_duration() {
            return Ok(Ended::Abandoned);
        }
        if told != waiting && !waiting.is_empty() {
            print(&format!("waits for the controller: {waiting}\n"))?;
            told = waiting;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The signs of life of the controller: what it alone writes, and the Lease that it holds while it leads.
#[derive(Debug, Default)]
struct Signs(Option<(Instant, Snapshot, Option<String>)>);

impl Signs {
    /// For how long nothing has changed, by this process's own clock.
    fn silent_for(&mut self, snapshot: Snapshot, lease: Option<String>, now: Instant) -> Duration {
        let written = Snapshot {
            guard: snapshot.guard,
            pools: snapshot.pools,
            policy_status: snapshot.policy_status,
            runs: snapshot
                .runs
                .into_iter()
                .map(|(name, mut run)| {
                    // What this command has written itself is no sign.
                    run.request.operations.clear();
                    (name, run)
                })
                .collect(),
            remediations: snapshot.remediations,
            reports: snapshot.reports,
            ..Snapshot::default()
        };
        match &self.0 {
            Some((since, before, held)) if *before == written && *held == lease => now.duration_since(*since),
            _ => {
                self.0 = Some((now, written, lease));
                Duration::ZERO
            }
        }
    }
}

/// The version of the controller's Lease; nothing where there is none, or it may not be read.
async fn lease(cluster: &Cluster, namespace: &str) -> Option<String> {
    let api: Api<Lease> = Api::namespaced(cluster.client.clone(), namespace);
    api.get_opt(install::NAME).await.ok().flatten()?.resource_version()
}

/// What is not over, in a few words; empty if everything is.
fn waiting(snapshot: &Snapshot) -> String {
    let runs = snapshot.runs.values().filter(|run| !run.status.phase.is_over());
    let runs = runs.map(|run| format!("run {}", run.name));
    let repairs = snapshot.remediations.values().filter(|row| !row.is_finished()).map(in_words);
    runs.chain(repairs).collect::<Vec<_>>().join(", ")
}

fn in_words(row: &Row) -> String {
    let step = row.journal.as_ref().and_then(|journal| journal.steps.get(journal.current()?));
    let step = step.map_or_else(String::new, |step| format!(" ({} {:?})", step.name, step.state));
    format!("node {}{step}", row.node)
}

/// How many objects would hang in their deletion if the controller ended now.
async fn waiting_for_finalizers(cluster: &Cluster) -> Result<usize, CliError> {
    Ok(finalized::<RepairRun>(cluster).await?.len() + finalized::<Remediation>(cluster).await?.len())
}

/// The metadata of the objects that carry our finalizer; whether the rest of them can be decoded does not matter.
pub(super) async fn finalized<K>(cluster: &Cluster) -> Result<Vec<PartialObjectMeta<K>>, CliError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(cluster.client.clone());
    let kind = K::kind(&());
    let listed = api.list_metadata(&ListParams::default()).await;
    let listed = listed.map_err(|error| cluster.failed(Asked::list(&kind), &error))?;
    Ok(listed.items.into_iter().filter(finalizer::has).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing;

    #[test]
    fn what_is_waited_for_is_named_with_its_step() {
        let text = waiting(&testing::world());
        assert!(text.contains("run old-1") && text.contains("node web-2"), "{text}");
        assert_eq!(waiting(&testing::quiet()), "");
    }

    #[test]
    fn only_what_the_controller_writes_is_a_sign_of_life() {
        let (mut signs, start) = (Signs::default(), Instant::now());
        let later = |seconds| start + Duration::from_secs(seconds);
        let world = testing::world();
        assert_eq!(signs.silent_for(world.clone(), None, start), Duration::ZERO);
        let mut ours = world.clone();
        ours.holds.clear();
        assert_eq!(signs.silent_for(ours, None, later(5)), Duration::from_secs(5));
        let mut journal = world.clone();
        for row in journal.remediations.values_mut() {
            row.journal = None;
        }
        assert_eq!(signs.silent_for(journal.clone(), None, later(6)), Duration::ZERO);
        assert_eq!(signs.silent_for(journal.clone(), Some("7".into()), later(8)), Duration::ZERO, "a Lease");
        assert_eq!(signs.silent_for(journal, Some("7".into()), later(9)), Duration::from_secs(1));
    }
}
