//! Live reads: what a grant is decided on. Lists without a resourceVersion are consistent reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};
use nodemend_api::convert;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::plan_page::PlanPage;
use nodemend_api::pool::RepairPool;
use nodemend_api::run::RepairRun;
use nodemend_core::budget::room::Rooms;
use nodemend_core::canonical;
use nodemend_core::ids::{Digest, RunUid};
use nodemend_core::plan::page::{page_name, plan_digest, position};
use nodemend_core::plan::{Page, PlannedNode};
use nodemend_core::snapshot::{self, Fleet, Ledger, Mark, PlanSummary, Snapshot};
use serde::de::DeserializeOwned;

use super::{Planner, PlannerError};
use crate::clock::now;
use crate::store::StoreError;

/// Those of `nodes` that pool and guard have room for, as they are now; the same rule that proposed them.
pub(super) fn allowed(
    live: &Snapshot,
    pool: &str,
    nodes: Vec<(u32, PlannedNode)>,
) -> Vec<(u32, PlannedNode)> {
    let fleet = Fleet::new(live);
    let mut rooms = Rooms::new(&fleet, now());
    let Some(pool) = live.pools.get(pool) else { return Vec::new() };
    let mut allowed = Vec::new();
    for (index, planned) in nodes {
        let Some(node) = live.nodes.get(&planned.name).filter(|node| node.uid == planned.uid) else {
            continue;
        };
        let ours = pool.selector.matches(&node.labels) && !fleet.is_contested(node);
        let free = ours && fleet.busy(&node.uid).is_none() && node.leaving.is_none();
        let admitted = pool.lets_through(planned.checks());
        if free && rooms.refusal(pool, node, admitted).is_none() {
            rooms.take(pool, node);
            allowed.push((index, planned));
        }
    }
    allowed
}

/// A plan whose stored pages were proven to be what its digest was made of.
pub(super) struct ProvenPlan {
    pub(super) digest: Digest,
    pages: BTreeMap<u32, Page>,
    page_digests: Vec<Digest>,
    ledger: Ledger,
}

impl ProvenPlan {
    /// The digest of the page on which the node stands, if this run has not begun the node before.
    pub(super) fn page_digest(&self, index: u32, node: &PlannedNode) -> Result<Digest, PlannerError> {
        let page = self.pages.get(&index);
        let within = page.and_then(|page| page.nodes.iter().position(|planned| planned == node));
        let (Some(within), Some(digest)) = (within, self.page_digests.get(index as usize)) else {
            return Err(refused(format!("node {} is not on page {index} of the stored plan", node.name)));
        };
        match self.ledger.mark(position(index, within)) {
            Mark::Waiting => Ok(digest.clone()),
            mark => Err(refused(format!("its run has begun node {} before ({mark:?})", node.name))),
        }
    }
}

impl Planner {
    /// Everything that grants are decided on, by consistent reads: nodes, all pools, guard and Remediations.
    pub(super) async fn read_live(&self) -> Result<Snapshot, PlannerError> {
        let guard = self.live_guard().await?;
        let pools = self.list::<RepairPool>("repairpools").await?;
        let nodes = self.list::<KubeNode>("nodes").await?;
        let nodes =
            nodes.iter().map(|node| convert::node(&node.metadata, node.spec.as_ref(), node.status.as_ref()));
        let nodes = nodes.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        let pools = pools.iter().map(snapshot::Pool::try_from).collect::<Result<Vec<_>, _>>();
        let remediations = self.live_remediations().await?;
        Ok(Snapshot {
            guard: Some((&guard).try_into().map_err(refused)?),
            pools: pools.map_err(refused)?.into_iter().map(|pool| (pool.name.clone(), pool)).collect(),
            nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
            remediations: remediations.into_iter().map(|row| (row.name.clone(), row)).collect(),
            ..Snapshot::default()
        })
    }

    /// The guard, if this process's epoch is still the highest: another process has taken over otherwise.
    pub(super) async fn live_guard(&self) -> Result<RepairGuard, PlannerError> {
        let guard: RepairGuard = self.get(GUARD_NAME).await?;
        let epoch = guard.status.as_ref().map_or(0, |status| status.epoch);
        let Some(ours) = self.epoch.get().copied() else {
            return Err(PlannerError::Refused("this controller has not taken its epoch yet".into()));
        };
        if epoch != ours {
            let message =
                format!("the RepairGuard's epoch is {epoch}, ours {ours}: another controller has taken over");
            return Err(PlannerError::Refused(message));
        }
        Ok(guard)
    }

    pub(super) async fn live_run(&self, name: &str, uid: &RunUid) -> Result<RepairRun, PlannerError> {
        let run: RepairRun = self.get(name).await?;
        if run.uid().as_deref() != Some(uid.as_str()) || run.metadata.deletion_timestamp.is_some() {
            return Err(PlannerError::Refused(format!("run {name} is another one now, or is going")));
        }
        Ok(run)
    }

    /// The plan of a run, once it is proven that the stored header and the pages of `indices` are what was planned.
    pub(super) async fn proven_plan(
        &self,
        run: &RepairRun,
        indices: BTreeSet<u32>,
    ) -> Result<ProvenPlan, PlannerError> {
        let name = run.name_any();
        let status = run.status.as_ref().map(|status| &status.run);
        let plan = status.and_then(|status| status.plan.as_ref());
        let plan = plan.ok_or_else(|| refused(format!("run {name} has no plan")))?;
        let uid = RunUid(run.uid().unwrap_or_default());
        let other =
            || refused(format!("the stored plan of run {name} is not the one its digest was made of"));
        if plan_digest(&uid, &plan.page_digests).map_err(refused)? != plan.digest {
            return Err(other());
        }
        let mut pages = BTreeMap::new();
        for index in indices.into_iter().chain([0]) {
            pages.insert(index, self.stored_page(run, index, plan).await?.ok_or_else(other)?);
        }
        Ok(ProvenPlan {
            digest: plan.digest.clone(),
            pages,
            page_digests: plan.page_digests.clone(),
            ledger: status.map(|status| status.nodes.clone()).unwrap_or_default(),
        })
    }

    /// A stored page, if it is the one that the plan has a digest of.
    async fn stored_page(
        &self,
        run: &RepairRun,
        index: u32,
        plan: &PlanSummary,
    ) -> Result<Option<Page>, PlannerError> {
        let page: PlanPage = self.get(&page_name(&run.name_any(), index as usize)).await?;
        let digest = canonical::digest(&page.spec.page).map_err(refused)?;
        Ok((plan.page_digests.get(index as usize) == Some(&digest)).then_some(page.spec.page))
    }

    pub(super) async fn get<K>(&self, name: &str) -> Result<K, PlannerError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::all(self.client.clone());
        Ok(api.get(name).await.map_err(StoreError::of::<K>(name))?)
    }

    pub(super) async fn get_opt<K>(&self, name: &str) -> Result<Option<K>, PlannerError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::all(self.client.clone());
        Ok(api.get_opt(name).await.map_err(StoreError::of::<K>(name))?)
    }

    pub(super) async fn list<K>(&self, what: &'static str) -> Result<Vec<K>, PlannerError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let listed = api.list(&ListParams::default()).await;
        Ok(listed.map_err(|source| PlannerError::List { what, source: Box::new(source) })?.items)
    }
}

pub(super) fn refused(error: impl Display) -> PlannerError {
    PlannerError::Refused(error.to_string())
}
