//! Grants are writes: caches propose, live reads decide. Remediation, then guard, then pool; given back in reverse.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use nodemend_api::FINALIZER;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::{Remediation, RemediationSpec, Repair};
use nodemend_api::run::RepairRun;
use nodemend_core::budget::Grant;
use nodemend_core::ids::{RunUid, remediation_name};
use nodemend_core::plan::PlannedNode;
use nodemend_core::snapshot;

use super::carry_out::owner;
use super::live::refused;
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
        let live = self.read_live(pool).await?;
        let run = self.live_run(run, run_uid).await?;
        for (index, node) in live.allowed(nodes)? {
            let spec = self.verified_spec(&run, pool, index, node).await?;
            self.create_remediation(&run, spec).await?;
        }
        self.complete_grants().await
    }

    async fn verified_spec(
        &self,
        run: &RepairRun,
        pool: &str,
        page_index: u32,
        node: PlannedNode,
    ) -> Result<RemediationSpec, PlannerError> {
        let (plan_digest, page_digest) = self.verified_digests(run, page_index, &node).await?;
        Ok(RemediationSpec {
            run: run.name_any(),
            run_uid: RunUid(run.uid().unwrap_or_default()),
            pool: pool.to_owned(),
            plan_digest,
            page_digest,
            page_index,
            repairs: vec![Repair { node }],
        })
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
        let wanted: Vec<Grant> = rows.iter().filter(|r| !r.is_finished()).map(grant_of).collect();
        let mut guard = self.live_guard().await?;
        let status = guard.status.get_or_insert_default();
        if add_missing(&mut status.grants, wanted.iter()) {
            put_status(&self.client, &guard).await?;
        }
        let pools: BTreeSet<&str> = wanted.iter().map(|grant| grant.pool.as_str()).collect();
        for name in pools {
            let Some(mut pool) = self.get_opt::<RepairPool>(name).await? else { continue };
            let status = pool.status.get_or_insert_default();
            if add_missing(&mut status.grants, wanted.iter().filter(|grant| grant.pool == name)) {
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
}

fn grant_of(remediation: &snapshot::Remediation) -> Grant {
    Grant {
        remediation: remediation.name.clone(),
        node_uid: remediation.node_uid.clone(),
        node: remediation.node.0.clone(),
        pool: remediation.pool.clone(),
        run_uid: remediation.run_uid.clone(),
        at: now(),
    }
}

/// Adds the grants that are not there; whether any was added.
fn add_missing<'a>(grants: &mut Vec<Grant>, wanted: impl Iterator<Item = &'a Grant>) -> bool {
    let before = grants.len();
    for grant in wanted {
        if !grants.iter().any(|known| known.remediation == grant.remediation) {
            grants.push(grant.clone());
        }
    }
    grants.len() > before
}

/// Takes grants out; whether any was there.
fn take_out(grants: &mut Vec<Grant>, over: &BTreeSet<String>) -> bool {
    let before = grants.len();
    grants.retain(|grant| !over.contains(&grant.remediation));
    grants.len() < before
}
