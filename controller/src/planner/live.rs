//! Live reads: what a grant is decided on. Lists without a resourceVersion are consistent reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};
use nodemend_api::convert;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::plan_page::PlanPage;
use nodemend_api::pool::{RepairPool, RepairPoolStatus};
use nodemend_api::run::RepairRun;
use nodemend_core::canonical;
use nodemend_core::ids::{Digest, NodeName, RunUid};
use nodemend_core::plan::page::{page_name, plan_digest};
use nodemend_core::plan::{Page, PlannedNode};
use nodemend_core::snapshot::{self, PlanSummary, Snapshot};
use serde::de::DeserializeOwned;

use super::{Planner, PlannerError};
use crate::store::StoreError;
use crate::watch::{self, NodeView};

/// A plan whose stored pages were proven to be what its digest was made of.
pub(super) struct ProvenPlan {
    pub(super) digest: Digest,
    pages: BTreeMap<u32, Page>,
    page_digests: Vec<Digest>,
}

impl ProvenPlan {
    /// The digest of the page on which the node stands.
    pub(super) fn page_digest(&self, index: u32, node: &PlannedNode) -> Result<Digest, PlannerError> {
        let stands = self.pages.get(&index).is_some_and(|page| page.nodes.contains(node));
        let digest = self.page_digests.get(index as usize).filter(|_| stands).cloned();
        digest.ok_or_else(|| refused(format!("node {} is not on page {index} of the stored plan", node.name)))
    }
}

impl Planner {
    /// Everything that grants are decided on, by consistent reads: nodes, all pools and Remediations, and the runs that
    /// are not over with their pages. The guard was read before: what is decided is written on what it was then.
    pub(super) async fn read_live(&self, guard: &RepairGuard) -> Result<Snapshot, PlannerError> {
        let pools = self
            .rows("repairpools", ListParams::default(), |pool: &RepairPool| snapshot::Pool::try_from(pool))
            .await?;
        let nodes = self.live_nodes().await?;
        let remediations = self.live_remediations().await?;
        let runs = self
            .rows("repairruns", ListParams::default(), |run: &RepairRun| snapshot::Run::try_from(run))
            .await?;
        let open = runs.into_iter().filter(|run| !run.status.phase.is_over());
        let runs: BTreeMap<String, snapshot::Run> = open.map(|run| (run.name.clone(), run)).collect();
        Ok(Snapshot {
            guard: Some(guard.try_into().map_err(refused)?),
            // Pages never change, and are proven against their digests before a node of them is begun.
            pages: self.pages_of(runs.values()),
            runs,
            pools: pools.into_iter().map(|pool| (pool.name.clone(), pool)).collect(),
            nodes,
            remediations: remediations.into_iter().map(|row| (row.name.clone(), row)).collect(),
            ..Snapshot::default()
        })
    }

    /// All nodes, by name.
    pub(super) async fn live_nodes(&self) -> Result<BTreeMap<NodeName, snapshot::Node>, PlannerError> {
        let rows = self.rows("nodes", ListParams::default(), |node: &NodeView| {
            convert::node(&node.metadata, node.spec.as_ref(), node.status.as_ref())
        });
        Ok(rows.await?.into_iter().map(|node| (node.name.clone(), node)).collect())
    }

    fn pages_of<'a>(
        &self,
        runs: impl Iterator<Item = &'a snapshot::Run>,
    ) -> BTreeMap<RunUid, BTreeMap<u32, Page>> {
        let known = self.world.look();
        runs.filter_map(|run| Some((run.uid.clone(), known.snapshot.pages.get(&run.uid)?.clone()))).collect()
    }

    /// The guard, if this process's epoch is still the highest: another process has taken over otherwise.
    pub(super) async fn live_guard(&self) -> Result<RepairGuard, PlannerError> {
        let guard: RepairGuard = self.get(GUARD_NAME).await?;
        let epoch = guard.status.as_ref().map_or(0, |status| status.epoch);
        let Some(ours) = self.epoch.get().copied() else {
            return Err(PlannerError::Refused("this controller has not taken its epoch yet".into()));
        };
        if !self.tenure.holds() {
            return Err(PlannerError::Refused("this controller does not lead any more".into()));
        }
        if epoch != ours {
            let message =
                format!("the RepairGuard's epoch is {epoch}, ours {ours}: another controller has taken over");
            return Err(PlannerError::Refused(message));
        }
        Ok(guard)
    }

    /// Every write carries the writer's own epoch; before there is one, there is nothing to grant either.
    pub(super) fn sign(&self, status: &mut RepairPoolStatus) {
        if let Some(ours) = self.epoch.get() {
            status.epoch = *ours;
        }
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
        Ok(ProvenPlan { digest: plan.digest.clone(), pages, page_digests: plan.page_digests.clone() })
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

    /// The rows of what is listed, a page at a time: thousands of whole objects are never in memory at once. One that
    /// cannot be made fails the whole: it may be what counts.
    pub(super) async fn rows<K, R>(
        &self,
        what: &'static str,
        params: ListParams,
        row: impl Fn(&K) -> Result<R, convert::ConvertError>,
    ) -> Result<Vec<R>, PlannerError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let mut rows = Vec::new();
        let listed = watch::each(&self.client, params, |object: K| rows.push(row(&object))).await;
        listed.map_err(|source| PlannerError::List { what, source: Box::new(source) })?;
        rows.into_iter().collect::<Result<_, _>>().map_err(refused)
    }
}

pub(super) fn refused(error: impl Display) -> PlannerError {
    PlannerError::Refused(error.to_string())
}
