//! What has to be there before anything disruptive starts: a RepairGuard, and approvals, which cannot be given yet.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_e2e::Stage;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::proof::HostState;
use nodemend_e2e::witness::Witness;

const DECIDED: Duration = Duration::from_secs(30);
const OVER: Duration = Duration::from_mins(2);
/// The pools, each with one node of its name.
const POOLS: [&str; 2] = ["free", "asked"];

#[test]
fn nothing_starts_without_a_guard_or_before_an_approval() {
    let hosts = POOLS.map(|pool| HostSpec { pool: pool.to_owned(), ..HostSpec::new(pool) });
    let stage = Stage::start("gates", hosts.into()).unwrap();
    let start = Timestamp::now();
    let asked = PoolSpec { approval: "FromHighRisk", ..PoolSpec::new("asked") };
    for pool in [PoolSpec::new("free"), asked] {
        stage.apply([objects::pool(pool, stage.login())]).unwrap();
    }
    stage.start_controller().unwrap();
    stage.reported(&POOLS, start).unwrap();
    stage.apply(POOLS.map(|pool| objects::policy(pool, "=1.0.0"))).unwrap();
    for pool in POOLS {
        stage
            .run_that(pool, "misses a guard", DECIDED, |run| run.blocker("NoRepairGuard").is_some())
            .unwrap();
    }
    nothing_has_started(&stage, start, &POOLS);
    stage.apply([objects::guard()]).unwrap();
    let run = stage.run_that("free", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    assert_eq!(HostState::of(stage.host("free").unwrap()).unwrap().running, NEW_SYSTEMD);
    let run =
        stage.run_that("asked", "waits", DECIDED, |run| run.blocker("ApprovalRequired").is_some()).unwrap();
    let blocker = run.blocker("ApprovalRequired").unwrap();
    assert_eq!(blocker["object"], "repairpool/asked", "{blocker}");
    assert!(blocker["next"].as_str().is_some_and(|next| next.contains("approval")), "{blocker}");
    nothing_has_started(&stage, start, &["asked"]);
}

/// The prober goes round, so the controller is at work; and nothing has begun.
fn nothing_has_started(stage: &Stage, start: Timestamp, nodes: &[&str]) {
    stage.reported(nodes, Timestamp::now()).unwrap();
    for node in nodes {
        let runs = stage.runs(node).unwrap();
        assert!(
            runs.iter().all(|run| stage.journals(run.name()).unwrap().is_empty()),
            "{}",
            stage.situation()
        );
        assert!(!Witness::since(stage, start).unwrap().cordoned(node), "{node} was cordoned");
    }
}
