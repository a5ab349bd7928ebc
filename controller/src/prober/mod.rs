//! The prober: reads every host of every pool on a schedule and writes what it found into DiagnosisReports.

mod report;
mod schedule;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, ResourceExt};
use nodemend_api::access::Access;
use nodemend_api::pool::RepairPool;
use nodemend_core::facts::Facts;
use nodemend_core::finding::{CheckResult, CheckState};
use nodemend_core::ids::{NodeName, NodeUid};
use nodemend_core::snapshot::{Node, PROBER};
use nodemend_diagnosis::registry;
use nodemend_exec::Performer;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::MissedTickBehavior;

use crate::access::AccessResolver;
use crate::checks::{self, Reading};
use crate::clock::now;
use crate::watch::World;
pub(crate) use report::Reports;
use schedule::Schedule;

/// How often the schedule is looked at. Hosts that are due wait in a queue for a place.
const TICK: Duration = Duration::from_secs(1);

/// Has a node looked at again at once: its repair is over.
pub(crate) type Poke = mpsc::UnboundedSender<NodeUid>;

/// Everything the prober needs.
pub(crate) struct Prober {
    /// For reports.
    pub(crate) client: Client,
    /// Which nodes there are.
    pub(crate) world: Arc<World>,
    /// How hosts are reached.
    pub(crate) access: Arc<AccessResolver>,
    /// Reads hosts.
    pub(crate) performer: Arc<Performer>,
    /// How many hosts are read at once.
    pub(crate) at_once: usize,
    /// Writes reports.
    pub(crate) reports: Reports,
}

/// One host that is due, by name: thousands may be at once, and what is known of them can change while they wait.
struct Due {
    pool: String,
    node: NodeName,
}

impl Prober {
    /// Probes for ever.
    pub(crate) async fn run(self, mut poked: mpsc::UnboundedReceiver<NodeUid>) {
        let this = Arc::new(self);
        let places = Arc::new(Semaphore::new(this.at_once));
        let mut schedule = Schedule::default();
        let mut queue = VecDeque::new();
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => if this.world.is_complete() {
                    queue.extend(this.due(&mut schedule));
                },
                Some(node) = poked.recv() => schedule.make_due(&node),
                Some((node, well)) = told.recv() => schedule.ended(&node, well, now()),
                Ok(place) = places.clone().acquire_owned(), if !queue.is_empty() => {
                    let Some(due) = queue.pop_front() else { continue };
                    let (this, tell) = (this.clone(), tell.clone());
                    tokio::spawn(async move {
                        if let Some(ended) = this.probe(due).await {
                            // The schedule lives as long as the process.
                            let _ = tell.send(ended);
                        }
                        drop(place);
                    });
                }
            }
        }
    }

    /// Hosts whose time has come, of pools that may be observed. A node in two pools is read by neither.
    fn due(&self, schedule: &mut Schedule) -> Vec<Due> {
        let known = self.world.look();
        let mut due = Vec::new();
        for pool in known.pools.values().filter(|pool| matches!(pool.spec.access.observe, Access::Ssh(_))) {
            let Some(row) = known.snapshot.pools.get(&pool.name_any()) else { continue };
            for node in known.snapshot.nodes_of(row) {
                let alone = known.snapshot.pools_of(node).len() == 1;
                if alone && schedule.is_due(&node.uid, pool.spec.observe_interval, now()) {
                    due.push(Due { pool: pool.name_any(), node: node.name.clone() });
                }
            }
        }
        schedule.keep_only(known.snapshot.nodes.values().map(|node| &node.uid));
        due
    }

    /// Returns the node, and whether it was read and its report written; `None` if it has gone.
    async fn probe(&self, due: Due) -> Option<(NodeUid, bool)> {
        let (pool, node) = self.still_there(&due)?;
        let (reading, read) = match self.read(&pool, &node.name, &node.uid).await {
            Ok(reading) => (reading, true),
            Err(problem) => (unread(&node.uid, &problem), false),
        };
        let validity = {
            let known = self.world.look();
            if known.snapshot.reports.get(&node.uid).is_none_or(|reports| !reports.contains_key(PROBER)) {
                self.reports.forget(&node.uid);
            }
            report::validity(pool.spec.observe_interval, known.snapshot.nodes.len())
        };
        let written = self.reports.write(&self.client, &node, reading, validity).await;
        if let Err(error) = &written {
            tracing::warn!(node = %node.name, %error, "report not written");
        }
        Some((node.uid, read && written.is_ok()))
    }

    /// Pool and node of a host whose turn it is; neither may have gone while it waited.
    fn still_there(&self, due: &Due) -> Option<(Arc<RepairPool>, Node)> {
        let known = self.world.look();
        Some((known.pools.get(&due.pool)?.clone(), known.snapshot.nodes.get(&due.node)?.clone()))
    }

    /// Reads one host; an error says why that was not possible.
    async fn read(&self, pool: &RepairPool, node: &NodeName, uid: &NodeUid) -> Result<Reading, String> {
        let addresses = self.world.look().addresses.get(node).cloned().unwrap_or_default();
        let target = self.access.target(pool, &pool.spec.access.observe, (node, uid), &addresses).await;
        let target = target.map_err(|error| error.to_string())?;
        let configs = checks::configs(pool).map_err(|error| format!("spec.checkConfig: {error}"))?;
        let read = checks::read(&self.performer, &target, &configs, &checks::every()).await;
        let reading = read.map_err(|failure| failure.message)?;
        if let Some(epoch) = reading.facts.epoch {
            self.world.host_obeys(node, epoch);
        }
        Ok(reading)
    }
}

/// A host that cannot be read gives `Unknown` for every check, and the reason with it.
fn unread(uid: &NodeUid, problem: &str) -> Reading {
    let facts = Facts { observed_at: now(), ..Facts::default() };
    let unknown = registry::run(
        &checks::every(),
        &facts,
        &nodemend_diagnosis::CheckConfigs::default(),
        uid.as_str(),
        now(),
    );
    let told = |result: CheckResult| CheckResult {
        message: problem.chars().take(1000).collect(),
        state: CheckState::Unknown,
        ..result
    };
    Reading { facts, results: unknown.into_iter().map(told).collect() }
}
