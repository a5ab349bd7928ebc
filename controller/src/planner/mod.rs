//! The planner: one task that asks core what comes next and carries it out. Nobody else writes what it writes.

mod asking;
mod carry_out;
mod finish;
mod gates;
mod grants;
mod history;
mod live;
mod orphans;
mod pools;
mod storm;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kube::Client;
use kube::runtime::events::Recorder;
use nodemend_core::decide::{Decision, decide};
use nodemend_core::history::Keep;
use nodemend_core::ids::Epoch;
use nodemend_core::time::Time;

use crate::audit::{Audit, Event, NotDurable};
use crate::clock::now;
use crate::http::Gauges;
use crate::leader::Tenure;
use crate::store::StoreError;
use crate::watch::World;
pub(crate) use gates::Gatekeeper;
pub(crate) use history::History;
pub(crate) use orphans::Orphans;

/// Rounds are at least this far apart, so that a burst of changes is one round. The first change after a calm is at once.
const APART: Duration = Duration::from_millis(250);
/// A round is made at least this often: time alone changes what is decided.
const AT_LEAST: Duration = Duration::from_secs(10);

/// A decision that could not be carried out. The next round decides anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlannerError {
    /// A write or read of the API server failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A list of the API server failed.
    #[error("cannot list {what}: {source}")]
    List {
        /// What was listed.
        what: &'static str,
        /// What the API server, or the way to it, said.
        #[source]
        source: Box<kube::Error>,
    },
    /// It cannot be recorded, so it is not done.
    #[error(transparent)]
    NotDurable(#[from] NotDurable),
    /// An object is not what it has to be for anything to start.
    #[error("{0}")]
    Refused(String),
}

/// Everything the planner needs.
pub(crate) struct Planner {
    /// For reads and writes.
    pub(crate) client: Client,
    /// What is known.
    pub(crate) world: Arc<World>,
    /// This process's epoch, once it has one: grants need it to be the guard's.
    pub(crate) epoch: Arc<OnceLock<Epoch>>,
    /// How much of what is over is kept.
    pub(crate) keep: Keep,
    /// Whether this process leads still.
    pub(crate) tenure: Tenure,
    /// For events on runs.
    pub(crate) recorder: Recorder,
    /// For the dead-man signal.
    pub(crate) gauges: Gauges,
    /// Where decisions are recorded.
    pub(crate) audit: Audit,
    /// What asks the gates of rollouts.
    pub(crate) gatekeeper: Gatekeeper,
    /// Cordons that nobody answers for.
    pub(crate) orphans: Orphans,
}

impl Planner {
    /// Decides for ever.
    pub(crate) async fn run(self) {
        let mut pause = AT_LEAST;
        loop {
            let _ = tokio::time::timeout(pause, self.world.changed()).await;
            if self.world.is_complete() {
                pause = self.round().await;
            }
            tokio::time::sleep(APART).await;
        }
    }

    /// One round; how long until the next one, unless something changes before.
    async fn round(&self) -> Duration {
        let decisions = decide(&self.world.look().snapshot, now());
        let pause = pause_after(&decisions, now());
        let mut all_well = true;
        for decision in decisions {
            if !self.tenure.holds() {
                return pause;
            }
            let told = name_of(&decision);
            if let Err(error) = self.carry_out(decision).await {
                all_well = false;
                match error {
                    PlannerError::Store(StoreError::Conflict { .. }) => {
                        tracing::debug!(told, %error, "decided anew");
                    }
                    error => tracing::warn!(told, %error, "not carried out; decided anew in the next round"),
                }
            }
        }
        let completed = if self.some_lack_grants() { self.complete_grants().await } else { Ok(()) };
        let (finished, forgotten) = (self.finish_runs().await, self.forget_history().await);
        for result in [completed, self.pool_statuses().await, finished, forgotten] {
            if let Err(error) = result {
                all_well = false;
                tracing::warn!(%error, "planner");
            }
        }
        if all_well {
            self.gauges.decided(now());
        }
        pause
    }

    /// Records what disturbs nothing. A log that cannot be written is no reason to leave it: it is recorded later.
    async fn record(&self, event: Event) {
        if let Err(error) = self.audit.tell(event).await {
            tracing::warn!(%error, "recorded later");
        }
    }

    async fn carry_out(&self, decision: Decision) -> Result<(), PlannerError> {
        match decision {
            Decision::CreateRun { name, policy, request } => self.create_run(&name, &policy, *request).await,
            Decision::WritePlan { run, run_uid, sealed } => self.write_plan(&run, &run_uid, *sealed).await,
            Decision::RunStatus { run, status } => self.run_status(&run, *status).await,
            Decision::PolicyStatus { policy, status } => self.policy_status(&policy, *status).await,
            Decision::Grant { run, run_uid, pool, nodes } => self.grant(&run, &run_uid, &pool, nodes).await,
            Decision::Release { grants } => self.release(grants).await,
            Decision::Ask { asked, gate } => {
                self.ask(asked, *gate);
                Ok(())
            }
            // Kept for the pause before the next round.
            Decision::LookAgain { .. } => Ok(()),
            Decision::Storm { pool, turn } => self.storm(&pool, &turn).await,
            Decision::Orphan { node, node_uid, mark, verdict } => {
                self.orphan((&node, &node_uid), &mark, verdict).await
            }
        }
    }
}

/// Until the first thing that is waited for goes by itself, but not longer than a round may be away.
fn pause_after(decisions: &[Decision], now: Time) -> Duration {
    let times = decisions.iter().filter_map(|decision| match decision {
        Decision::LookAgain { at } => Some(at.since(now).as_duration()),
        _ => None,
    });
    times.min().unwrap_or(AT_LEAST).min(AT_LEAST)
}

fn name_of(decision: &Decision) -> String {
    match decision {
        Decision::CreateRun { name, policy, .. } => format!("create run {name} for policy {policy}"),
        Decision::WritePlan { run, .. } => format!("write the plan of run {run}"),
        Decision::RunStatus { run, .. } => format!("status of run {run}"),
        Decision::PolicyStatus { policy, .. } => format!("status of policy {policy}"),
        Decision::Grant { run, nodes, .. } => format!("grant {} nodes of run {run}", nodes.len()),
        Decision::Release { grants } => format!("release {} grants", grants.len()),
        Decision::Ask { asked, .. } => format!("ask gate {} of run {}", asked.gate, asked.run),
        Decision::LookAgain { at } => format!("decide again at {at}"),
        Decision::Storm { pool, .. } => format!("storm in pool {pool}"),
        Decision::Orphan { node, .. } => format!("orphaned cordon of node {node}"),
    }
}
