//! Rollouts on real hosts: canaries, gates, windows, pauses, rates, storms, ladders, and nodes that others take away.
//!
//! One bed for all. Tests that need the same hosts use them in turn, each with a pool of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod canary;
mod deleted;
mod gates;
mod ladder;
mod leaving;
mod rate;
mod storm;
mod webhook;
mod window;

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nodemend_bed::host::POOL_LABEL;
use nodemend_bed::{Bed, BedConfig, HostSpec};
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::{self, API_VERSION, PoolSpec};
use nodemend_e2e::shared::Shared;
use nodemend_e2e::{E2eError, Stage};
use serde_json::{Value, json};

/// Until something that is decided is said.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// Until a run is over, on a machine that has other tests to run too.
pub(crate) const OVER: Duration = Duration::from_mins(3);
/// After this a node whose kubelet is silent is not Ready; half of what it is by default.
const GRACE: Duration = Duration::from_secs(20);
/// A repair of a few seconds without a fault: what is looked at is when it begins.
const SET_ASIDE: &str = include_str!("set-aside.yaml");

/// Hosts that are used in turn. Each group is a zone, so that one's storm is not another's.
#[derive(Debug)]
pub(crate) struct Group {
    zone: &'static str,
    nodes: &'static [&'static str],
    turn: Mutex<()>,
}

impl Group {
    const fn new(zone: &'static str, nodes: &'static [&'static str]) -> Self {
        Self { zone, nodes, turn: Mutex::new(()) }
    }
}

pub(crate) static SIX: Group = Group::new("six", &["six-1", "six-2", "six-3", "six-4", "six-5", "six-6"]);
pub(crate) static PAIR: Group = Group::new("pair", &["pair-1", "pair-2"]);
pub(crate) static ONE: Group = Group::new("one", &["one"]);

static STAGE: Shared = Shared::new("rollouts", start);

fn start(name: &str) -> Result<Stage, E2eError> {
    let spec = |zone: &str, name: &str| HostSpec {
        zone: zone.to_owned(),
        pool: "nobody".to_owned(),
        ..HostSpec::new(name)
    };
    let groups = [&SIX, &PAIR, &ONE];
    let hosts = groups.iter().flat_map(|group| group.nodes.iter().map(|name| spec(group.zone, name)));
    let config = BedConfig {
        name: name.to_owned(),
        hosts: hosts.collect(),
        node_monitor_grace_period: GRACE,
        ..BedConfig::default()
    };
    let stage = Stage::on(Bed::start(&config)?)?;
    stage.install()?;
    stage.bed().apply(SET_ASIDE)?;
    stage.apply([objects::guard()])?;
    stage.start_controller()?;
    Ok(stage)
}

/// The stage, and nodes that are one test's alone while it lasts: its pool.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) pool: &'static str,
    pub(crate) nodes: &'static [&'static str],
    stage: Arc<Stage>,
    _turn: MutexGuard<'static, ()>,
}

impl Deref for Lent {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// The first `count` nodes of a group as a pool, whose spec gets the members of `more` in addition.
pub(crate) fn lend(group: &'static Group, pool: &'static str, count: usize, more: &Value) -> Lent {
    // The stage first, so that it lasts while a turn is waited for.
    let stage = STAGE.stage().unwrap();
    let turn = group.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let lent = Lent { pool, nodes: &group.nodes[..count], stage, _turn: turn };
    let label = format!("{POOL_LABEL}={pool}");
    let arguments = [&["label", "--overwrite", "node"], lent.nodes, &[label.as_str()]].concat();
    lent.bed().kubectl(&arguments).unwrap();
    lent.change_pool(more);
    let all_ready = || {
        let counts = &lent.get("repairpool", pool)?["status"]["counts"];
        Ok((counts["nodes"] == count && counts["ready"] == count).then_some(()))
    };
    lent.eventually("a pool whose nodes are Ready", SOON, all_ready).unwrap();
    lent
}

impl Lent {
    /// Applies the pool with the members of `more` in its spec.
    pub(crate) fn change_pool(&self, more: &Value) {
        let mut pool = objects::pool(PoolSpec::new(self.pool), self.login());
        for (key, value) in more.as_object().unwrap() {
            pool["spec"][key] = value.clone();
        }
        self.apply([pool]).unwrap();
    }

    /// Asks for all nodes of the pool to be set aside, by hand.
    pub(crate) fn set_aside(&self, name: &str, rollout: &Value) {
        let start_before = Timestamp::now() + SignedDuration::from_hours(1);
        let run = json!({
            "apiVersion": API_VERSION, "kind": "RepairRun", "metadata": {"name": name},
            "spec": {
                "pool": self.pool, "playbook": "set-aside", "version": "1.0.0",
                "nodes": {"named": {"names": self.nodes}}, "rollout": rollout,
                "requestedBy": "tester", "startBefore": start_before.to_string(),
            },
        });
        self.apply([run]).unwrap();
    }

    /// The pool's run, once `wanted` holds for it.
    pub(crate) fn run_that(&self, what: &str, wanted: impl Fn(&Run) -> bool) -> Run {
        self.stage.run_that(self.pool, what, OVER, wanted).unwrap()
    }

    /// The pool's run when it is over, which has to be well.
    pub(crate) fn succeeded(&self) -> Run {
        let run = self.run_that("is over", Run::is_over);
        assert_eq!(run.phase(), "Succeeded", "{}", self.situation());
        run
    }

    /// Two rounds of the prober: the controller has been at work meanwhile, and its planner has decided many times.
    pub(crate) fn a_while(&self) {
        for _ in 0..2 {
            self.reported(self.nodes, Timestamp::now()).unwrap();
        }
    }
}
