//! Forgets runs that are over: their pages and Remediations go with them, by their owner references.

use std::collections::BTreeSet;

use clap::Args;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};
use nodemend_api::run::RepairRun;
use nodemend_core::history::{Keep, forgotten};
use nodemend_core::ids::RunUid;
use nodemend_core::snapshot;
use nodemend_core::time::Span;

use super::live::refused;
use super::{Planner, PlannerError};
use crate::audit::Event;
use crate::clock::now;
use crate::store::StoreError;

/// How many runs are forgotten in one round: each may be thousands of objects for the API server to collect.
const AT_ONCE: usize = 8;

/// Flags of the history.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "History")]
#[expect(clippy::struct_field_names, reason = "each is the name of a flag")]
pub struct History {
    /// How many runs that are over are kept of each pool
    #[arg(long, default_value_t = Keep::default().runs, value_name = "RUNS")]
    pub keep_runs: u32,
    /// How many nodes the runs that are kept may have together: each has an object of some 6 KB
    #[arg(long, default_value_t = Keep::default().nodes, value_name = "NODES")]
    pub keep_nodes: u32,
    /// For how long a run is kept after its end, if it is not needed longer
    #[arg(long, default_value = "720h", value_name = "TIME")]
    pub keep_for: Span,
}

impl From<&History> for Keep {
    fn from(history: &History) -> Self {
        Self { runs: history.keep_runs, nodes: history.keep_nodes, age: history.keep_for }
    }
}

impl Planner {
    /// Deletes what may go: caches propose, live reads decide.
    pub(super) async fn forget_history(&self) -> Result<(), PlannerError> {
        let proposed: Vec<(String, RunUid)> = {
            let known = self.world.look();
            let runs = forgotten(&known.snapshot, &self.keep, now());
            runs.into_iter().take(AT_ONCE).map(|run| (run.name.clone(), run.uid.clone())).collect()
        };
        if proposed.is_empty() {
            return Ok(());
        }
        // One that cannot be read fails the list: then nothing is forgotten.
        let open = self.live_remediations().await?.into_iter().filter(|row| !row.is_finished());
        let open: BTreeSet<RunUid> = open.map(|row| row.run_uid).collect();
        for (name, uid) in proposed.into_iter().filter(|(_, uid)| !open.contains(uid)) {
            self.forget(&name, &uid).await?;
        }
        Ok(())
    }

    /// Deletes a run as it was read, if it is over.
    async fn forget(&self, name: &str, uid: &RunUid) -> Result<(), PlannerError> {
        let Some(run) = self.get_opt::<RepairRun>(name).await? else { return Ok(()) };
        let row = snapshot::Run::try_from(&run).map_err(refused)?;
        if row.uid != *uid || !row.status.phase.is_over() || row.finalized || !self.tenure.holds() {
            return Ok(());
        }
        let preconditions = Preconditions { uid: run.uid(), resource_version: run.resource_version() };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        let api: Api<RepairRun> = Api::all(self.client.clone());
        match api.delete(name, &params).await {
            Ok(_) => {
                tracing::info!(run = name, "forgotten, with its pages and Remediations");
                self.record(Event::Forgotten { run: name.to_owned(), run_uid: uid.clone() }).await;
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(StoreError::of::<RepairRun>(name)(error).into()),
        }
    }
}
