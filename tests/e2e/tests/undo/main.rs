//! A repair that its check does not prove: the node gets its old package back, or waits for a person.
//!
//! One bed for all; each test has a pool of its own, whose nodes carry its name. The pools but one ask for a build that no
//! repository has, so that no upgrade passes its verification.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod resolved;
mod rolled_back;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use nodemend_e2e::objects::{self, API_VERSION, PoolSpec};
use nodemend_e2e::shared::{Shared, with_hosts_of};
use nodemend_e2e::{E2eError, Stage, program};
use serde_json::{Value, json};

/// Until a run is over that upgrades a node, restarts it, takes the package back and restarts it again.
pub(crate) const OVER: Duration = Duration::from_mins(5);
/// A build that the repository does not have: where it was installed before, there is no way back.
pub(crate) const LOST: &str = "219-62.el7_6.5";

/// The pool and its node whose upgrade is good, and ends unseen.
pub(crate) const UNSEEN: &str = "unseen";

/// The pools with the hosts in them: name and version of systemd.
const POOLS: [(&str, &[(&str, &str)]); 3] = [
    ("back", &[("back-1", OLD_SYSTEMD), ("back-2", OLD_SYSTEMD)]),
    ("lost", &[("lost", LOST), ("mate", LOST)]),
    (UNSEEN, &[(UNSEEN, OLD_SYSTEMD)]),
];

static STAGE: Shared = Shared::new("undo", start);

fn start(name: &str) -> Result<Stage, E2eError> {
    with_hosts_of(name, &POOLS)
}

/// The stage with the pool of one test on it, whose hosts the prober has read.
pub(crate) fn with_pool(name: &str) -> Arc<Stage> {
    let stage = STAGE.stage().unwrap();
    let start = Timestamp::now();
    let mut pool = objects::pool(PoolSpec { max_unavailable: 2, ..PoolSpec::new(name) }, stage.login());
    if name != UNSEEN {
        pool["spec"]["checkConfig"] = json!({"insp.version.systemd": {"minVersion": "219-99"}});
    }
    stage.apply([pool]).unwrap();
    let hosts = POOLS.iter().find(|(pool, _)| *pool == name).map_or(&[][..], |(_, hosts)| hosts);
    let hosts: Vec<_> = hosts.iter().map(|(host, _)| *host).collect();
    stage.reported(&hosts, start).unwrap();
    stage
}

/// A run that upgrades these nodes one after the other.
pub(crate) fn upgrade(name: &str, pool: &str, nodes: &[&str]) -> Value {
    let mut run = run(name, pool, ("upgrade-systemd", "1.1.0"), nodes);
    run["spec"]["parameters"] = json!({"targetVersion": NEW_SYSTEMD});
    run["spec"]["rollout"] = json!({"batches": [1]});
    run
}

/// A run by hand.
pub(crate) fn run(name: &str, pool: &str, (playbook, version): (&str, &str), nodes: &[&str]) -> Value {
    let start_before = Timestamp::now() + SignedDuration::from_hours(1);
    json!({
        "apiVersion": API_VERSION, "kind": "RepairRun", "metadata": {"name": name},
        "spec": {
            "pool": pool, "playbook": playbook, "version": version, "nodes": {"named": {"names": nodes}},
            "requestedBy": "tester", "startBefore": start_before.to_string(),
        },
    })
}

/// What a person says of a step with the tool.
pub(crate) fn resolve(stage: &Stage, run: &str, node: &str, step: &str, outcome: &str) {
    let mut command = program::command(stage.bed().admin_kubeconfig()).unwrap();
    command.args([
        "resolve",
        run,
        "--node",
        node,
        "--step",
        step,
        "--as",
        outcome,
        "--reason",
        "looked at it",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
