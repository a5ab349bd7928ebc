//! Thousands of plain nodes, one run over all of them, and a controller that is killed while it works.

mod figures;
mod seed;

use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_bed::scale::{PlainHosts, PlainNodes};
use nodemend_bed::{Bed, BedConfig};
use serde_json::json;

use crate::journal::Run;
use crate::objects::{self, PoolSpec};
use crate::{E2eError, Stage};

pub use figures::Figures;
pub use seed::Seed;

/// The pool, and the policy of its name.
const POOL: &str = "workers";
/// The released playbook with a soak of a second, as its next version: the hosts behind it are none that could relapse.
const HASTY: &str = "1.0.1";
/// The controller's share of the machine: 20 connections a second are meant for a cluster with other work to do.
const SSH_PER_SECOND: &str = "60";
/// How often progress is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A node is looked at by the kubelet's stand-in every two minutes, so that thousands leave room for the test.
const LEASE: Duration = Duration::from_mins(8);

/// What a fleet is to be.
#[derive(Debug, Clone)]
pub struct FleetSpec {
    /// The bed's name.
    pub name: String,
    /// How many nodes, in three zones.
    pub nodes: usize,
    /// How many of them may be unavailable at once.
    pub max_unavailable: u32,
    /// How often the controller is killed, at random points of the run.
    pub kills: usize,
    /// How long everything may take: from the controller's start to the end of the run.
    pub deadline: Duration,
}

/// Plain nodes with old systemd on a stage, ready to be repaired.
#[derive(Debug)]
pub struct Fleet {
    spec: FleetSpec,
    hosts: PlainHosts,
    stage: Stage,
}

impl Fleet {
    /// Starts the bed with its nodes and installs everything but the policy.
    pub fn start(spec: FleetSpec) -> Result<Self, E2eError> {
        let config = BedConfig {
            name: spec.name.clone(),
            node_monitor_grace_period: LEASE + Duration::from_mins(2),
            ..BedConfig::default()
        };
        let bed = Bed::start(&config)?;
        let hosts = PlainNodes { lease: LEASE, ..PlainNodes::new(spec.nodes) }.start(&bed)?;
        let stage = Stage::on(bed)?.with_options(&["--ssh-per-second", SSH_PER_SECOND]);
        stage.install()?;
        stage.bed().apply(&hasty_playbook())?;
        let pool = PoolSpec { max_unavailable: spec.max_unavailable, ..PoolSpec::new(POOL) };
        let mut pool = objects::pool(pool, stage.login());
        // The default: at this size one reading of all hosts takes a good part of it.
        pool["spec"]["observeInterval"] = json!("10m");
        stage.apply([objects::guard(), pool])?;
        Ok(Self { spec, hosts, stage })
    }

    /// The stage.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Has every node found and repaired in one run, with kills in between, and counts what it took.
    pub fn heal(&self, seed: &mut Seed, mut tell: impl FnMut(&str)) -> Result<Figures, E2eError> {
        self.stage.start_controller()?;
        self.found_all(&mut tell)?;
        let started = Timestamp::now();
        self.stage.apply([objects::policy(POOL, &format!("={HASTY}"))])?;
        let mut kills: Vec<_> = (0..self.spec.kills).map(|_| seed.below(self.spec.nodes)).collect();
        kills.sort_unstable();
        let mut memory = 0;
        let run = self.look_until("the run to be over", |run| {
            let ended = ended(run);
            tell(&format!("{} {}", run.summary(), self.memory_note()?));
            if kills.first().is_some_and(|at| ended >= *at) {
                kills.remove(0);
                memory = memory.max(self.stage.controller_memory()?);
                tell(&format!("killing the controller after {ended} nodes"));
                self.stage.kill_controller_and_start_again()?;
            }
            Ok(run.is_over())
        })?;
        memory = memory.max(self.stage.controller_memory()?);
        Figures::count(self, &run, (started, Timestamp::now()), memory)
    }

    /// Waits until the prober has found the old systemd on every node.
    fn found_all(&self, tell: &mut impl FnMut(&str)) -> Result<(), E2eError> {
        self.stage.eventually_every(LOOK, "every node to be found failing", self.spec.deadline, || {
            let pool = self.stage.get("repairpool", POOL)?;
            let failing = pool["status"]["counts"]["failing"].as_u64().unwrap_or_default();
            tell(&format!("{failing} nodes found failing {}", self.memory_note()?));
            Ok((failing >= self.spec.nodes as u64).then_some(()))
        })
    }

    /// Looks at the pool's run until `over` says so.
    fn look_until(
        &self,
        what: &str,
        mut over: impl FnMut(&Run) -> Result<bool, E2eError>,
    ) -> Result<Run, E2eError> {
        self.stage.eventually_every(LOOK, what, self.spec.deadline, || match self.stage.runs(POOL)?.pop() {
            Some(run) => Ok(over(&run)?.then_some(run)),
            None => Ok(None),
        })
    }

    fn memory_note(&self) -> Result<String, E2eError> {
        Ok(format!("({} MiB at most)", self.stage.controller_memory()? / 1024))
    }

    /// Nodes that are not what a repaired node has to be: the good systemd running after exactly one restart.
    fn not_repaired(&self) -> Result<Vec<String>, E2eError> {
        let mut wrong = Vec::new();
        for number in 0..self.spec.nodes {
            let host = self.hosts.state(number)?;
            if (host.reboots, host.running.as_str()) != (1, NEW_SYSTEMD) {
                wrong.push(format!("{}: {host:?}", PlainNodes::name(number)));
            }
        }
        Ok(wrong)
    }
}

fn ended(run: &Run) -> usize {
    run.0["status"]["counts"]["repaired"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

fn hasty_playbook() -> String {
    let released = include_str!("../../../../playbooks/upgrade-systemd/1.0.0.yaml");
    debug_assert!(released.contains("soak: 10s"), "the released playbook soaks in another way now");
    released.replace("soak: 10s", "soak: 1s").replace("1.0.0", HASTY)
}
