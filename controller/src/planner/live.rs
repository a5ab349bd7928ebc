//! Live reads: what a grant is decided on. Lists without a resourceVersion are consistent reads.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};
use nodemend_api::convert;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::plan_page::PlanPage;
use nodemend_api::pool::RepairPool;
use nodemend_api::run::RepairRun;
use nodemend_core::budget::grant::Sets;
use nodemend_core::canonical;
use nodemend_core::ids::{Digest, NodeName, RunUid};
use nodemend_core::plan::page::{page_name, plan_digest, position};
use nodemend_core::plan::{Page, PlannedNode};
use nodemend_core::snapshot::{self, Mark, PlanSummary};
use serde::de::DeserializeOwned;

use super::{Planner, PlannerError};
use crate::store::StoreError;

/// What live reads found, for one round of grants.
pub(super) struct Live {
    nodes: BTreeMap<NodeName, snapshot::Node>,
    remediations: Vec<snapshot::Remediation>,
    guard: snapshot::Guard,
    pool: snapshot::Pool,
}

impl Live {
    /// Those of `nodes` that pool and guard have room for, as they are now; the same rule that proposed them.
    pub(super) fn allowed(
        &self,
        nodes: Vec<(u32, PlannedNode)>,
    ) -> Result<Vec<(u32, PlannedNode)>, PlannerError> {
        let unfinished = self.remediations.iter().filter(|r| !r.is_finished());
        let mut pool = Sets::of_pool(&self.pool, self.nodes.values(), &self.remediations);
        let mut cluster = Sets::new(self.nodes.values(), &self.guard.grants, unfinished);
        let mut allowed = Vec::new();
        for (index, planned) in nodes {
            let Some(node) = self.nodes.get(&planned.name).filter(|node| node.uid == planned.uid) else {
                continue;
            };
            let taken = cluster.in_flight.contains(&node.uid);
            let in_pool = self.pool.selector.matches(&node.labels);
            let full = pool.refusal(node, &self.pool.budget, "pool").map_err(refused)?.is_some();
            let cluster_full = match &self.guard.budget {
                Some(budget) => cluster.refusal(node, budget, "guard").map_err(refused)?.is_some(),
                None => false,
            };
            if in_pool && !taken && !full && !cluster_full {
                pool.take(&node.uid);
                cluster.take(&node.uid);
                allowed.push((index, planned));
            }
        }
        Ok(allowed)
    }
}

impl Planner {
    pub(super) async fn read_live(&self, pool: &str) -> Result<Live, PlannerError> {
        let guard = self.live_guard().await?;
        let pool: RepairPool = self.get(pool).await?;
        let listed = self.list::<KubeNode>("nodes").await?;
        let rows =
            listed.iter().map(|node| convert::node(&node.metadata, node.spec.as_ref(), node.status.as_ref()));
        let nodes = rows.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        Ok(Live {
            nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
            remediations: self.live_remediations().await?,
            guard: (&guard).try_into().map_err(refused)?,
            pool: (&pool).try_into().map_err(refused)?,
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

    /// Digests of plan and page, once it is proven that the stored header and page are what was planned, that the
    /// node stands on the page, and that this run has not begun it before.
    pub(super) async fn verified_digests(
        &self,
        run: &RepairRun,
        index: u32,
        node: &PlannedNode,
    ) -> Result<(Digest, Digest), PlannerError> {
        let name = run.name_any();
        let status = run.status.as_ref().map(|status| &status.run);
        let plan = status.and_then(|status| status.plan.as_ref());
        let plan = plan.ok_or_else(|| PlannerError::Refused(format!("run {name} has no plan")))?;
        let uid = RunUid(run.uid().unwrap_or_default());
        let mut holds = plan_digest(&uid, &plan.page_digests).is_ok_and(|digest| digest == plan.digest);
        holds &= self.stored_page(run, 0, plan).await?.is_some();
        let page = self.stored_page(run, index, plan).await?;
        let within = page.and_then(|page| page.nodes.iter().position(|planned| planned == node));
        let (Some(within), true, Some(digest)) = (within, holds, plan.page_digests.get(index as usize))
        else {
            let problem = "is not the one its digest was made of";
            return Err(PlannerError::Refused(format!("the stored plan of run {name} {problem}")));
        };
        let mark = status.map_or(Mark::Waiting, |status| status.nodes.mark(position(index, within)));
        if mark != Mark::Waiting {
            return Err(PlannerError::Refused(format!(
                "run {name} has begun node {} before ({mark:?})",
                node.name
            )));
        }
        Ok((plan.digest.clone(), digest.clone()))
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
