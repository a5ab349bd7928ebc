//! What may stop sagas, by live reads: guard, pool, run and Holds, read once for all looks that ask at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::ListParams;
use kube::{Api, Client};
use nodemend_api::convert::ConvertError;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::hold::Hold;
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::RemediationSpec;
use nodemend_api::run::RepairRun;
use nodemend_core::ids::Epoch;
use nodemend_core::snapshot::{self, Behind};

use super::SagaError;
use super::shared::Shared;
use crate::store::StoreError;

/// What live reads say of a pool and a run.
#[derive(Debug)]
pub(super) struct Live {
    /// The guard's epoch, and the host that is ahead of it; `None` without a guard.
    pub(super) guard: Option<(Epoch, Option<Behind>)>,
    /// Names of the Remediations that guard and pool both have granted.
    pub(super) granted: BTreeSet<String>,
    /// The pool.
    pub(super) pool: Option<snapshot::Pool>,
    /// The run of this name.
    pub(super) run: Option<snapshot::Run>,
    /// All Holds.
    pub(super) holds: Vec<snapshot::Hold>,
}

/// The live reads of this process, by pool and run.
#[derive(Debug, Default)]
pub(crate) struct LiveReads(Mutex<ByPoolAndRun>);

type ByPoolAndRun = BTreeMap<(String, String), Arc<Shared<Live>>>;

impl LiveReads {
    /// What is stored now about the pool and the run of a Remediation.
    pub(super) async fn of(&self, client: &Client, spec: &RemediationSpec) -> Result<Arc<Live>, SagaError> {
        let shared = self.shared(&spec.pool, &spec.run);
        shared.get(read(client, &spec.pool, &spec.run)).await
    }

    /// The reads about this pool and run; those that nobody waits for are forgotten.
    fn shared(&self, pool: &str, run: &str) -> Arc<Shared<Live>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, shared| Arc::strong_count(shared) > 1);
        all.entry((pool.to_owned(), run.to_owned())).or_default().clone()
    }
}

async fn read(client: &Client, pool: &str, run: &str) -> Result<Live, SagaError> {
    let guards: Api<RepairGuard> = Api::all(client.clone());
    let pools: Api<RepairPool> = Api::all(client.clone());
    let runs: Api<RepairRun> = Api::all(client.clone());
    let holds: Api<Hold> = Api::all(client.clone());
    let everything = ListParams::default();
    let (guard, stored_pool, stored_run, holds) = tokio::join!(
        guards.get_opt(GUARD_NAME),
        pools.get_opt(pool),
        runs.get_opt(run),
        holds.list(&everything),
    );
    let guard = guard.map_err(StoreError::of::<RepairGuard>(GUARD_NAME))?.and_then(|guard| guard.status);
    let stored_pool = stored_pool.map_err(StoreError::of::<RepairPool>(pool))?;
    let stored_run = stored_run.map_err(StoreError::of::<RepairRun>(run))?;
    // A Hold that cannot be read fails the list, and with it the look: nothing starts.
    let holds = holds.map_err(StoreError::of::<Hold>("all"))?.items;
    let pool: Option<snapshot::Pool> = rows(stored_pool.iter().map(TryInto::try_into))?.pop();
    let of_pool: BTreeSet<&str> =
        pool.iter().flat_map(|pool| &pool.grants).map(|grant| grant.remediation.as_str()).collect();
    let of_guard = guard.iter().flat_map(|guard| &guard.grants).map(|grant| &grant.remediation);
    Ok(Live {
        guard: guard.as_ref().map(|guard| (guard.epoch, guard.behind.clone())),
        granted: of_guard.filter(|name| of_pool.contains(name.as_str())).cloned().collect(),
        pool,
        run: rows(stored_run.iter().map(TryInto::try_into))?.pop(),
        holds: rows(holds.iter().map(TryInto::try_into))?,
    })
}

fn rows<T>(rows: impl Iterator<Item = Result<T, ConvertError>>) -> Result<Vec<T>, SagaError> {
    rows.collect::<Result<_, _>>().map_err(|error| SagaError::Refused(error.to_string()))
}
