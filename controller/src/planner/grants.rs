//! Grants are writes: caches propose, live reads decide. Remediation, then guard, then pool; given back in reverse.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use nodemend_api::FINALIZER;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::{Remediation, RemediationSpec, Repair};
use nodemend_api::run::RepairRun;
use nodemend_core::blocker::Blocker;
use nodemend_core::budget::{Grant, Rate, Starts};
use nodemend_core::decide::{Lacking, allowed, lacking};
use nodemend_core::ids::{RunUid, remediation_name};
use nodemend_core::plan::PlannedNode;
use nodemend_core::snapshot::{self, Snapshot};

use super::carry_out::owner;
use super::live::{ProvenPlan, refused};
use super::{Planner, PlannerError};
use crate::audit::Event;
use crate::clock::now;
use crate::finalizer;
use crate::store::{self, StoreError, put_status};

/// How many grants are written at once: the first of a large batch begin while the others are still made.
const GRANTED_AT_ONCE: usize = 50;
/// How many Remediations are created at the same time.
const CREATED_AT_ONCE: usize = 16;

impl Planner {
    /// Creates Remediations for the nodes that live reads allow, then writes their grants.
    pub(super) async fn grant(
        &self,
        run: &str,
        run_uid: &RunUid,
        pool: &str,
        nodes: Vec<(u32, PlannedNode)>,
    ) -> Result<(), PlannerError> {
        let mut guard = self.live_guard().await?;
        let mut live = self.read_live(&guard).await?;
        let Some(row) = live.runs.get(run).filter(|row| row.uid == *run_uid) else { return Ok(()) };
        let allowed = allowed(&live, row, nodes, now());
        if allowed.is_empty() {
            return Ok(());
        }
        let run = self.live_run(run, run_uid).await?;
        let plan = self.proven_plan(&run, allowed.iter().map(|(index, _)| *index).collect()).await?;
        let specs = allowed.into_iter().map(|(index, node)| spec(&run, pool, &plan, index, node));
        let mut specs = specs.collect::<Result<VecDeque<_>, _>>()?;
        while !specs.is_empty() {
            let part = specs.drain(..specs.len().min(GRANTED_AT_ONCE)).collect();
            let made = self.create_remediations(&run, part).await?;
            live.remediations.extend(made.into_iter().map(|row| (row.name.clone(), row)));
            guard = self.write_grants(guard, &mut live).await?;
        }
        Ok(())
    }

    async fn create_remediations(
        &self,
        run: &RepairRun,
        specs: Vec<RemediationSpec>,
    ) -> Result<Vec<snapshot::Remediation>, PlannerError> {
        let mut creations = Vec::new();
        for spec in specs {
            creations.push(self.create_remediation(run, spec));
        }
        let made: Vec<_> = stream::iter(creations).buffered(CREATED_AT_ONCE).try_collect().await?;
        Ok(made.into_iter().flatten().collect())
    }

    /// Creates a Remediation; `None` if there is one already.
    async fn create_remediation(
        &self,
        run: &RepairRun,
        spec: RemediationSpec,
    ) -> Result<Option<snapshot::Remediation>, PlannerError> {
        let Some(node) = spec.repairs.first().map(|repair| repair.node.clone()) else { return Ok(None) };
        let name = remediation_name(&spec.run_uid, &node.uid);
        let mut remediation = Remediation::new(&name, spec);
        remediation.owner_references_mut().push(owner(run));
        remediation.finalizers_mut().push(FINALIZER.to_owned());
        let Some(made) = store::create(&self.client, &remediation).await? else { return Ok(None) };
        tracing::info!(remediation = name, node = %node.name, run = run.name_any(), "remediation created");
        Ok(Some((&made).try_into().map_err(refused)?))
    }

    /// Writes the grants that unfinished Remediations lack, as far as live reads leave room for them: of those just
    /// created, and of any that a process which stopped in between left behind.
    pub(super) async fn complete_grants(&self) -> Result<(), PlannerError> {
        let guard = self.live_guard().await?;
        let mut live = self.read_live(&guard).await?;
        self.write_grants(guard, &mut live).await.map(drop)
    }

    /// The guard is written on the version that was read before `live`, or on what it became by the last part: nobody has
    /// granted anything in between. What is written is noted in `live`, for the next part.
    async fn write_grants(
        &self,
        mut guard: RepairGuard,
        live: &mut Snapshot,
    ) -> Result<RepairGuard, PlannerError> {
        let wanted = self.wanted(live).await?;
        let rate = guard.spec.budget.as_ref().and_then(|budget| budget.rate.clone());
        let status = guard.status.get_or_insert_default();
        let added = add_missing(&mut status.grants, &mut status.starts, rate.as_ref(), wanted.iter());
        if !added.is_empty() {
            self.audit.announce(Event::Granted { grants: added }).await?;
            guard = put_status(&self.client, &guard).await?;
            live.guard = Some((&guard).try_into().map_err(refused)?);
        }
        let pools: BTreeSet<&str> = wanted.iter().map(|grant| grant.pool.as_str()).collect();
        for name in pools {
            let Some(mut pool) = self.get_opt::<RepairPool>(name).await? else { continue };
            let rate = pool.spec.budget.rate.clone();
            let status = pool.status.get_or_insert_default();
            self.sign(status);
            let of_pool = wanted.iter().filter(|grant| grant.pool == name);
            if !add_missing(&mut status.grants, &mut status.starts, rate.as_ref(), of_pool).is_empty() {
                let written = put_status(&self.client, &pool).await?;
                live.pools.insert(name.to_owned(), (&written).try_into().map_err(refused)?);
            }
        }
        Ok(guard)
    }

    /// The grants to write; what may never be granted is taken away.
    async fn wanted(&self, live: &mut Snapshot) -> Result<Vec<Grant>, PlannerError> {
        let mut wanted = Vec::new();
        for (name, answer) in lacking(live, now()) {
            match answer {
                Lacking::Complete => {
                    wanted.extend(live.remediations.get(&name).map(|row| grant_of(live, row)));
                }
                Lacking::Wait => {}
                Lacking::Withdraw(why) => {
                    self.withdraw(&name, &why).await?;
                    live.remediations.remove(&name);
                }
            }
        }
        Ok(wanted)
    }

    /// Takes away a Remediation that was never granted and never may be: its saga sees the deletion and ends.
    async fn withdraw(&self, name: &str, why: &Blocker) -> Result<(), PlannerError> {
        tracing::info!(remediation = name, why = why.next, "withdrawn before it was granted");
        let api: Api<Remediation> = Api::all(self.client.clone());
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(StoreError::of::<Remediation>(name)(error).into()),
        }
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
            let status = pool.status.get_or_insert_default();
            self.sign(status);
            if take_out(&mut status.grants, &over) {
                put_status(&self.client, &pool).await?;
            }
        }
        if self.get_opt::<RepairGuard>(GUARD_NAME).await?.is_none() {
            return Ok(());
        }
        let mut guard = self.live_guard().await?;
        self.record(Event::Released { grants }).await;
        if take_out(&mut guard.status.get_or_insert_default().grants, &over) {
            put_status(&self.client, &guard).await?;
        }
        Ok(())
    }

    pub(super) async fn live_remediations(&self) -> Result<Vec<snapshot::Remediation>, PlannerError> {
        // One that cannot be read may be a repair under way: then nothing is granted and nothing given back.
        let counting = ListParams::default().labels(&finalizer::not_ended_well());
        self.rows("remediations", counting, |remediation: &Remediation| remediation.try_into()).await
    }
}

/// What the Remediation of a planned node says.
fn spec(
    run: &RepairRun,
    pool: &str,
    plan: &ProvenPlan,
    page_index: u32,
    node: PlannedNode,
) -> Result<RemediationSpec, PlannerError> {
    Ok(RemediationSpec {
        run: run.name_any(),
        run_uid: RunUid(run.uid().unwrap_or_default()),
        pool: pool.to_owned(),
        plan_digest: plan.digest.clone(),
        page_digest: plan.page_digest(page_index, &node)?,
        page_index,
        repairs: vec![Repair { node }],
    })
}

fn grant_of(live: &Snapshot, remediation: &snapshot::Remediation) -> Grant {
    let zone = live.nodes.get(&remediation.node).map(|node| node.zone().to_owned());
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

/// Adds the grants that are not there, and takes their starts down; which were added.
fn add_missing<'a>(
    grants: &mut Vec<Grant>,
    starts: &mut Starts,
    rate: Option<&Rate>,
    wanted: impl Iterator<Item = &'a Grant>,
) -> Vec<Grant> {
    let known: BTreeSet<String> = grants.iter().map(|grant| grant.remediation.clone()).collect();
    let missing: Vec<_> = wanted.filter(|grant| !known.contains(&grant.remediation)).cloned().collect();
    if !missing.is_empty() {
        starts.note(u32::try_from(missing.len()).unwrap_or(u32::MAX), rate, now());
        grants.extend(missing.iter().cloned());
    }
    missing
}

/// Takes grants out; whether any was there.
fn take_out(grants: &mut Vec<Grant>, over: &BTreeSet<String>) -> bool {
    let before = grants.len();
    grants.retain(|grant| !over.contains(&grant.remediation));
    grants.len() < before
}
