//! What a run took, counted from witnesses: the audit log, the stored run, the hosts.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::Fleet;
use crate::E2eError;
use crate::journal::Run;
use crate::witness::Tally;

/// The most that the controller may hold at once, in MiB.
const MEMORY: u64 = 64;
/// The most that a run's own object may weigh, in bytes as the API server sends it.
const RUN_BYTES: usize = 100_000;
/// How long an idle controller is watched, once every grant is given back.
const IDLE: Duration = Duration::from_mins(1);
/// The most requests that it may make meanwhile: one per second.
const IDLE_REQUESTS: usize = 60;
/// How many kinds of requests are told.
const FREQUENT: usize = 10;
/// How many nodes an error names.
const NAMED: usize = 5;

/// What a run took.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Nodes of the run.
    pub nodes: usize,
    /// The most nodes that the controller had cordoned at once.
    pub peak: usize,
    /// How many it may.
    pub allowed: usize,
    /// The most memory that any controller held at once, in MiB, rounded up.
    pub memory: u64,
    /// Requests of the controller from the start of the run to its end.
    pub requests: usize,
    /// The most frequent kinds of them, with their numbers.
    pub frequent: Vec<(String, usize)>,
    /// What the run's own object weighs, in bytes.
    pub run_bytes: usize,
    /// How long the run took.
    pub seconds: u64,
    /// What is not as it has to be.
    pub faults: Vec<String>,
}

impl Figures {
    pub(super) fn count(
        fleet: &Fleet,
        run: &Run,
        (start, end): (Timestamp, Timestamp),
        memory: u64,
    ) -> Result<Self, E2eError> {
        let tally = Tally::between(&fleet.stage, start, end)?;
        let stored = fleet.stage.bed().kubectl(&["get", "--raw", &format!("{RUNS}/{}", run.name())])?;
        let mut figures = Self {
            nodes: fleet.spec.nodes,
            peak: tally.most_cordoned_at_once(),
            allowed: fleet.spec.max_unavailable as usize,
            memory: memory.div_ceil(1024),
            requests: tally.requests,
            frequent: most_frequent(&tally),
            run_bytes: stored.len(),
            seconds: end.duration_since(start).unsigned_abs().as_secs(),
            faults: Vec::new(),
        };
        figures.judge_work(fleet, run, &tally)?;
        Ok(figures)
    }

    /// Every node repaired, cordoned once, restarted once, and given back; the budget kept.
    fn judge_work(&mut self, fleet: &Fleet, run: &Run, tally: &Tally) -> Result<(), E2eError> {
        let counts = &run.0["status"]["counts"];
        self.require(run.phase() == "Succeeded" && counts["repaired"] == self.nodes, || run.summary());
        let wrong = fleet.not_repaired()?;
        self.require(wrong.is_empty(), || {
            format!("{} hosts are not repaired: {:?}", wrong.len(), &wrong[..wrong.len().min(NAMED)])
        });
        let cordoned = tally.cordoned();
        self.require(cordoned == (self.nodes, self.nodes), || {
            format!("{} nodes were cordoned {} times", cordoned.0, cordoned.1)
        });
        let left = ["get", "nodes", "--field-selector=spec.unschedulable=true", "-o", "name"];
        let left = fleet.stage.bed().kubectl(&left)?.lines().count();
        self.require(left == 0, || format!("{left} nodes are left cordoned"));
        let (peak, allowed) = (self.peak, self.allowed);
        self.require(peak <= allowed, || format!("{peak} nodes were cordoned at once, {allowed} may be"));
        Ok(())
    }

    /// Memory and the size of the run; what a small fleet cannot show.
    pub fn judge_size(&mut self) {
        let (memory, bytes) = (self.memory, self.run_bytes);
        self.require(memory <= MEMORY, || format!("the controller held {memory} MiB, {MEMORY} are allowed"));
        self.require(bytes <= RUN_BYTES, || format!("the run weighs {bytes} bytes, {RUN_BYTES} are allowed"));
    }

    /// Watches the controller do nothing.
    pub fn judge_idle(&mut self, fleet: &Fleet) -> Result<usize, E2eError> {
        fleet.stage.eventually("every grant to be given back", IDLE, || {
            let guard = fleet.stage.get("repairguard", "cluster")?;
            Ok(guard["status"]["grants"].as_array().is_none_or(Vec::is_empty).then_some(()))
        })?;
        let start = Timestamp::now();
        // Nothing is waited for: this is the time that is measured.
        std::thread::sleep(IDLE);
        let requests = Tally::between(&fleet.stage, start, Timestamp::now())?.requests;
        self.require(requests <= IDLE_REQUESTS, || {
            format!("an idle controller made {requests} requests in {} s", IDLE.as_secs())
        });
        Ok(requests)
    }

    fn require(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }
}

fn most_frequent(tally: &Tally) -> Vec<(String, usize)> {
    let mut kinds: Vec<_> = tally.by_kind.clone().into_iter().collect();
    kinds.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    kinds.truncate(FREQUENT);
    kinds
}

/// Where the API server has the runs.
const RUNS: &str = "/apis/nodemend.dev/v1alpha1/repairruns";

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, peak, allowed, memory, requests, .. } = self;
        let per_node = requests.div_ceil(*nodes.max(&1));
        write!(
            f,
            "nodes {nodes}, peak {peak} of {allowed} allowed, RSS {memory} MiB, requests per node {per_node}"
        )
    }
}
