//! Grants are writes: caches propose, live reads decide. Remediation, then guard, then pool; given back in reverse.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use nodemend_api::FINALIZER;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::{Remediation, RemediationSpec, Repair};
use nodemend_api::run::RepairRun;
use nodemend_core::budget::{Grant, Rate, Starts};
use nodemend_core::ids::{RunUid, remediation_name};
use nodemend_core::plan::PlannedNode;
use nodemend_core::snapshot;

use super::carry_out::owner;
use super::live::{self, refused};
use super::{Planner, PlannerError};
use crate::clock::now;
use crate::store::{self, put_status};

impl Planner {
    /// Creates Remediations for the nodes that live reads allow, then writes their grants.
    pub(super) async fn grant(
        &self,
        run: &str,
        run_uid: &RunUid,
        pool: &str,
        nodes: Vec<(u32, PlannedNode)>,
    ) -> Result<(), PlannerError> {
        let live = self.read_live().await?;
        let run = self.live_run(run, run_uid).await?;
        let allowed = live::allowed(&live, pool, nodes);
        let plan = self.proven_plan(&run, allowed.iter().map(|(index, _)| *index).collect()).await?;
        for (page_index, node) in allowed {
            let spec = RemediationSpec {
                run: run.name_any(),
                run_uid: run_uid.clone(),
                pool: pool.to_owned(),
                plan_digest: plan.digest.clone(),
                page_digest: plan.page_digest(page_index, &node)?,
                page_index,
                repairs: vec![Repair { node }],
            };
            self.create_remediation(&run, spec).await?;
        }
        self.complete_grants().await
    }

    async fn create_remediation(&self, run: &RepairRun, spec: RemediationSpec) -> Result<(), PlannerError> {
        let Some(node) = spec.repairs.first().map(|repair| repair.node.clone()) else { return Ok(()) };
        let name = remediation_name(&spec.run_uid, &node.uid);
        let mut remediation = Remediation::new(&name, spec);
        remediation.owner_references_mut().push(owner(run));
        remediation.finalizers_mut().push(FINALIZER.to_owned());
        if store::create(&self.client, &remediation).await?.is_some() {
            tracing::info!(remediation = name, node = %node.name, run = run.name_any(), "remediation created");
        }
        Ok(())
    }

    /// Writes the grants that unfinished Remediations lack: of those just created, and of any that a process which
    /// stopped in between left behind. They count as in flight already, so nothing is taken that was not taken.
    pub(super) async fn complete_grants(&self) -> Result<(), PlannerError> {
        let rows = self.live_remediations().await?;
        let unfinished = rows.iter().filter(|r| !r.is_finished());
        let wanted: Vec<Grant> = unfinished.map(|remediation| self.grant_of(remediation)).collect();
        let mut guard = self.live_guard().await?;
        let rate = guard.spec.budget.as_ref().and_then(|budget| budget.rate.clone());
        let status = guard.status.get_or_insert_default();
        if add_missing(&mut status.grants, &mut status.starts, rate.as_ref(), wanted.iter()) {
            put_status(&self.client, &guard).await?;
        }
        let pools: BTreeSet<&str> = wanted.iter().map(|grant| grant.pool.as_str()).collect();
        for name in pools {
            let Some(mut pool) = self.get_opt::<RepairPool>(name).await? else { continue };
            let rate = pool.spec.budget.rate.clone();
            let status = pool.status.get_or_insert_default();
            let of_pool = wanted.iter().filter(|grant| grant.pool == name);
            if add_missing(&mut status.grants, &mut status.starts, rate.as_ref(), of_pool) {
                put_status(&self.client, &pool).await?;
            }
        }
        Ok(())
    }

    /// Whether some unfinished Remediation that the watches know lacks a grant.
    pub(super) fn some_lack_grants(&self) -> bool {
        let known = self.world.look();
        let snapshot = &known.snapshot;
        snapshot
            .remediations
            .values()
            .any(|r| !r.is_finished() && !snapshot::is_granted(snapshot, &r.name, &r.pool))
    }

    /// Gives grants back, pool first, after a live read showed each Remediation over or absent.
    pub(super) async fn release(&self, grants: Vec<Grant>) -> Result<(), PlannerError> {
        let live: BTreeMap<String, bool> =
            self.live_remediations().await?.into_iter().map(|r| (r.name.clone(), r.is_finished())).collect();
        let over: BTreeSet<String> = grants
            .iter()
            .map(|grant| grant.remediation.clone())
            .filter(|name| live.get(name).copied().unwrap_or(true))
            .collect();
        let pools: BTreeSet<&str> = grants.iter().map(|grant| grant.pool.as_str()).collect();
        for name in pools {
            let Some(mut pool) = self.get_opt::<RepairPool>(name).await? else { continue };
            if take_out(&mut pool.status.get_or_insert_default().grants, &over) {
                put_status(&self.client, &pool).await?;
            }
        }
        let Some(mut guard) = self.get_opt::<RepairGuard>(GUARD_NAME).await? else { return Ok(()) };
        if take_out(&mut guard.status.get_or_insert_default().grants, &over) {
            put_status(&self.client, &guard).await?;
        }
        Ok(())
    }

    pub(super) async fn live_remediations(&self) -> Result<Vec<snapshot::Remediation>, PlannerError> {
        let listed = self.list::<Remediation>("remediations").await?;
        // One that cannot be read may be a repair under way: then nothing is granted and nothing given back.
        listed.iter().map(TryInto::try_into).collect::<Result<_, _>>().map_err(refused)
    }

    fn grant_of(&self, remediation: &snapshot::Remediation) -> Grant {
        let zone = self.world.look().snapshot.nodes.get(&remediation.node).map(|node| node.zone().to_owned());
        Grant {
            remediation: remediation.name.clone(),
            node_uid: remediation.node_uid.clone(),
            node: remediation.node.0.clone(),
            zone: zone.filter(|zone| !zone.is_empty()),
            pool: remediation.pool.clone(),
            run_uid: remediation.run_uid.clone(),
            at: now(),
        }
    }
}

/// Adds the grants that are not there, and takes their starts down; whether any was added.
fn add_missing<'a>(
    grants: &mut Vec<Grant>,
    starts: &mut Starts,
    rate: Option<&Rate>,
    wanted: impl Iterator<Item = &'a Grant>,
) -> bool {
    let known: BTreeSet<String> = grants.iter().map(|grant| grant.remediation.clone()).collect();
    let missing: Vec<_> = wanted.filter(|grant| !known.contains(&grant.remediation)).cloned().collect();
    if missing.is_empty() {
        return false;
    }
    starts.note(u32::try_from(missing.len()).unwrap_or(u32::MAX), rate, now());
    grants.extend(missing);
    true
}

/// Takes grants out; whether any was there.
fn take_out(grants: &mut Vec<Grant>, over: &BTreeSet<String>) -> bool {
    let before = grants.len();
    grants.retain(|grant| !over.contains(&grant.remediation));
    grants.len() < before
}
