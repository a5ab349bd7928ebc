//! Runs, plans and statuses: the planner's writes that start nothing by themselves.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Resource, ResourceExt};
use nodemend_api::conditions::{READY, RECONCILING, STALLED, Wanted, set};
use nodemend_api::plan_page::{PlanPage, PlanPageSpec};
use nodemend_api::policy::RepairPolicy;
use nodemend_api::run::{RepairRun, RepairRunSpec};
use nodemend_core::decide::PolicyStatus;
use nodemend_core::ids::RunUid;
use nodemend_core::plan::page::{Sealed, page_name};
use nodemend_core::snapshot::{PlanSummary, RunPhase, RunRequest, RunStatus};

use super::{Planner, PlannerError};
use crate::audit::Event;
use crate::clock::now;
use crate::finalizer;
use crate::store::{self, StoreError, update_status};

/// Label on runs of a policy, for people's lists.
const POLICY_LABEL: &str = "nodemend.dev/policy";

impl Planner {
    pub(super) async fn create_run(
        &self,
        name: &str,
        policy: &str,
        request: RunRequest,
    ) -> Result<(), PlannerError> {
        self.record(Event::RunCreated { run: name.to_owned(), policy: policy.to_owned() }).await;
        let mut run = RepairRun::new(name, RepairRunSpec(request));
        if policy.len() <= 63 {
            run.labels_mut().insert(POLICY_LABEL.to_owned(), policy.to_owned());
        }
        if store::create(&self.client, &run).await?.is_some() {
            tracing::info!(run = name, policy, "run created");
        }
        Ok(())
    }

    /// Pages first, then the summary: a run whose status names a plan has all of it.
    pub(super) async fn write_plan(
        &self,
        name: &str,
        uid: &RunUid,
        sealed: Sealed,
    ) -> Result<(), PlannerError> {
        let api: Api<RepairRun> = Api::all(self.client.clone());
        let Some(run) = api.get_opt(name).await.map_err(StoreError::of::<RepairRun>(name))? else {
            return Ok(());
        };
        if run.uid().as_deref() != Some(uid.as_str()) || run.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        for (index, page) in (0_u32..).zip(&sealed.pages) {
            let spec =
                PlanPageSpec { run_ref: name.to_owned(), run_uid: uid.clone(), index, page: page.clone() };
            if !self.write_page(&run, spec).await? {
                let message = "a plan that was being written when the controller stopped differs from today's; make another run";
                let status = RunStatus {
                    phase: RunPhase::Superseded,
                    message: Some(message.into()),
                    finished_at: Some(now()),
                    ..RunStatus::default()
                };
                return self.run_status(name, status).await;
            }
        }
        finalizer::put_on(&self.client, &run).await?;
        let nodes = sealed.pages.iter().flat_map(|page| &page.nodes);
        let plan = PlanSummary {
            digest: sealed.digest,
            page_digests: sealed.page_digests,
            nodes: u32::try_from(nodes.clone().count()).unwrap_or(u32::MAX),
            batches: nodes.map(|node| node.batch + 1).max().unwrap_or_default(),
            planned_at: now(),
        };
        tracing::info!(
            run = name,
            nodes = plan.nodes,
            batches = plan.batches,
            digest = plan.digest.short(),
            "planned"
        );
        self.record(planned(&run, &plan)).await;
        let status = RunStatus { phase: RunPhase::Planned, plan: Some(plan), ..RunStatus::default() };
        self.run_status(name, status).await
    }

    /// Whether the page that is stored is this one: written now, or by a process that stopped before the summary.
    async fn write_page(&self, run: &RepairRun, spec: PlanPageSpec) -> Result<bool, PlannerError> {
        let name = page_name(&run.name_any(), spec.index as usize);
        let mut page = PlanPage::new(&name, spec);
        page.owner_references_mut().push(owner(run));
        if store::create(&self.client, &page).await?.is_some() {
            return Ok(true);
        }
        let api: Api<PlanPage> = Api::all(self.client.clone());
        let stored = api.get(&name).await.map_err(StoreError::of::<PlanPage>(&name))?;
        Ok(stored.spec == page.spec)
    }

    pub(super) async fn run_status(&self, name: &str, status: RunStatus) -> Result<(), PlannerError> {
        let mut changed = None;
        update_status(&self.client, name, |run: &mut RepairRun| {
            let generation = run.metadata.generation;
            let stored = run.status.get_or_insert_default();
            let new_phase = stored.run.phase != status.phase;
            let observed_generation = generation.unwrap_or_default();
            stored.run = RunStatus { observed_generation, ..status.clone() }.after(&stored.run);
            conditions(stored, generation);
            changed = new_phase.then(|| run.object_ref(&()));
            true
        })
        .await?;
        if let Some(run) = changed {
            tracing::info!(run = name, phase = ?status.phase, message = status.message.as_deref(), "run");
            self.tell(&run, &status).await;
        }
        Ok(())
    }

    pub(super) async fn policy_status(&self, name: &str, status: PolicyStatus) -> Result<(), PlannerError> {
        Ok(update_status(&self.client, name, |policy: &mut RepairPolicy| {
            let generation = policy.metadata.generation;
            let stored = policy.status.get_or_insert_default();
            stored.matched = status.matched;
            stored.last_run = status.last_run;
            stored.blockers = status.blockers;
            stored.observed_generation = generation.unwrap_or_default();
            let blocker = stored.blockers.first();
            let wanted = Wanted {
                kind: READY,
                holds: Some(blocker.is_none()),
                reason: blocker.map_or("Watching", |b| &b.reason),
                message: blocker.map_or("matches findings", |b| &b.next),
            };
            set(&mut stored.conditions, wanted, generation, now());
            true
        })
        .await?)
    }
}

fn planned(run: &RepairRun, plan: &PlanSummary) -> Event {
    Event::Planned {
        run: run.name_any(),
        requested_by: run.spec.0.requested_by.clone(),
        plan: plan.digest.clone(),
        nodes: plan.nodes,
    }
}

/// The owner of a run's pages and Remediations.
pub(super) fn owner(run: &RepairRun) -> OwnerReference {
    OwnerReference {
        api_version: RepairRun::api_version(&()).into_owned(),
        kind: RepairRun::kind(&()).into_owned(),
        name: run.name_any(),
        uid: run.uid().unwrap_or_default(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}

/// The three conditions that kstatus-aware tools read.
fn conditions(status: &mut nodemend_api::run::RepairRunStatus, generation: Option<i64>) {
    let run = &status.run;
    let (phase, over) = (format!("{:?}", run.phase), run.phase.is_over());
    let blocker = run.blockers.first();
    let message = blocker.map(|b| b.next.clone()).or_else(|| run.message.clone()).unwrap_or_default();
    let stalled = run.phase == RunPhase::Stopped || (over && run.phase != RunPhase::Succeeded);
    let reason = blocker.map_or(phase.as_str(), |b| b.reason.as_str());
    let wanted = [
        (READY, run.phase == RunPhase::Succeeded, phase.as_str()),
        (RECONCILING, !over && run.phase != RunPhase::Stopped, phase.as_str()),
        (STALLED, stalled, reason),
    ];
    for (kind, holds, reason) in wanted {
        set(
            &mut status.conditions,
            Wanted { kind, holds: Some(holds), reason, message: &message },
            generation,
            now(),
        );
    }
}
