//! A Hold stops new effects within two seconds, wherever the repair is, and its release lets it go on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nodemend_bed::HostSpec;
use nodemend_bed::fault::Fault;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_bed::workloads::deployment;
use nodemend_e2e::Stage;
use nodemend_e2e::journal::{Journal, Run};
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::proof::HostState;
use nodemend_e2e::shared::Shared;
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

const OVER: Duration = Duration::from_mins(3);
/// What a Hold promises.
const STOPPED: SignedDuration = SignedDuration::from_secs(2);
/// Pools, and how many nodes each has: `POOL-1`, `POOL-2`.
const POOLS: [(&str, usize); 3] = [("node", 2), ("run", 1), ("pool", 1)];

static STAGE: Shared = Shared::new("holds", |name| {
    let nodes =
        POOLS.iter().flat_map(|(pool, nodes)| (1..=*nodes).map(move |n| (*pool, format!("{pool}-{n}"))));
    let hosts = nodes.map(|(pool, name)| HostSpec { pool: pool.to_owned(), ..HostSpec::new(&name) });
    let stage = Stage::start(name, hosts.collect())?;
    stage.apply([objects::guard()])?;
    stage.start_controller()?;
    Ok(stage)
});

fn with_pool(pool: &str, nodes: &[&str]) -> Arc<Stage> {
    let stage = STAGE.stage().unwrap();
    let start = Timestamp::now();
    stage.apply([objects::pool(PoolSpec::new(pool), stage.login())]).unwrap();
    stage.reported(nodes, start).unwrap();
    stage
}

#[test]
fn a_held_node_waits_and_the_others_go_on() {
    let stage = with_pool("node", &["node-1", "node-2"]);
    let start = Timestamp::now();
    hold(&stage, "keep-node-1", &json!({"node": {"name": "node-1"}}));
    stage.apply([objects::policy("node", "=1.0.0")]).unwrap();
    stage.journal_that("node-2", "is repaired", OVER, |journal| journal.outcome() == "Repaired").unwrap();
    let names_it =
        |run: &Run| run.blocker("Hold").is_some_and(|blocker| blocker["object"] == "hold/keep-node-1");
    stage.run_that("node", "names the Hold", OVER, names_it).unwrap();
    assert!(!Witness::since(&stage, start).unwrap().cordoned("node-1"));
    release_and_finish(&stage, "keep-node-1", "node", &["node-1", "node-2"]);
}

#[test]
fn a_held_run_in_the_middle_of_a_drain_gives_the_node_back() {
    let stage = with_pool("run", &["run-1"]);
    // A budget that allows nothing would be found out before the cordon.
    let waits = json!({"spec": {"drain": {"rules": [{"namespaces": ["default"], "action": "Wait"}]}}});
    stage.bed().kubectl(&["patch", "repairpool", "run", "--type=merge", "-p", &waits.to_string()]).unwrap();
    stage.apply([deployment("stays", 1, "run")]).unwrap();
    stage.bed().kubectl(&["rollout", "status", "deployment/stays", "--timeout=60s"]).unwrap();
    stage.apply([objects::policy("run", "=1.0.0")]).unwrap();
    let draining = stage.journal_that("run-1", "waits for the pod", OVER, |journal| {
        journal.step("drain") == "Started" && !journal.blockers().is_empty()
    });
    let run = draining.unwrap().run().to_owned();
    let since = hold(&stage, "keep-run", &json!({"run": {"name": run}}));
    stage
        .eventually("an uncordoned node", Duration::from_secs(10), || {
            Ok((stage.get("node", "run-1")?["spec"]["unschedulable"] != true).then_some(()))
        })
        .unwrap();
    nothing_new_after(&stage, "run-1", since);
    // Only this test has pods.
    let tried = Witness::since(&stage, since + STOPPED).unwrap().tried_evictions();
    assert!(tried.is_empty(), "evictions after the Hold: {tried:?}");
    stage.delete("deployment", "stays").unwrap();
    release_and_finish(&stage, "keep-run", "run", &["run-1"]);
}

#[test]
fn a_held_pool_in_the_middle_of_a_transaction_lets_it_end_and_starts_no_reboot() {
    let stage = with_pool("pool", &["pool-1"]);
    let before = HostState::of(stage.host("pool-1").unwrap()).unwrap();
    // The transaction of such a host takes 90 s: long enough to be in the middle of.
    stage.host("pool-1").unwrap().inject(Fault::Pid1Hung).unwrap();
    stage.apply([objects::policy("pool", "=1.0.0")]).unwrap();
    let installs =
        |journal: &Journal| journal.step("install") == "Started" && !journal.progress("install").is_empty();
    stage.journal_that("pool-1", "installs", OVER, installs).unwrap();
    let since = hold(&stage, "keep-pool", &json!({"pool": {"name": "pool"}}));
    stage.journal_that("pool-1", "is held", OVER, |journal| journal.mode() == "Held").unwrap();
    nothing_new_after(&stage, "pool-1", since);
    assert_eq!(HostState::of(stage.host("pool-1").unwrap()).unwrap().boot_id, before.boot_id);
    assert_eq!(
        stage.get("node", "pool-1").unwrap()["spec"]["unschedulable"],
        true,
        "a changed host stays cordoned"
    );
    release_and_finish(&stage, "keep-pool", "pool", &["pool-1"]);
}

/// Makes a Hold and returns since when it counts.
fn hold(stage: &Stage, name: &str, scope: &Value) -> Timestamp {
    stage.apply([objects::hold(name, scope)]).unwrap();
    Timestamp::now()
}

/// After two seconds of a Hold: no step is started, no node cordoned, while the prober goes round twice.
fn nothing_new_after(stage: &Stage, node: &str, since: Timestamp) {
    stage.reported(&[node], Timestamp::now()).unwrap();
    stage.reported(&[node], Timestamp::now()).unwrap();
    let limit = since + STOPPED;
    let journal = stage.journal_that(node, "is there", Duration::from_secs(5), |_| true).unwrap();
    let late: Vec<_> = journal.started_steps().into_iter().filter(|(_, at)| *at > limit).collect();
    assert!(late.is_empty(), "steps started after the Hold: {late:?}");
    let witness = Witness::since(stage, limit).unwrap();
    assert!(!witness.cordoned(node), "{node} was cordoned after the Hold");
}

fn release_and_finish(stage: &Stage, hold: &str, pool: &str, nodes: &[&str]) {
    stage.delete("hold", hold).unwrap();
    let run = stage.run_that(pool, "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    for node in nodes {
        assert_eq!(HostState::of(stage.host(node).unwrap()).unwrap().running, NEW_SYSTEMD, "{node}");
    }
}
