//! What has to be there before anything disruptive starts: a RepairGuard, an audit log that can be written, and approvals,
//! which cannot be given yet.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_e2e::Stage;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::proof::HostState;
use nodemend_e2e::witness::Witness;
use serde_json::Value;

const DECIDED: Duration = Duration::from_secs(30);
const OVER: Duration = Duration::from_mins(2);
/// The pools, each with one node of its name.
const POOLS: [&str; 2] = ["free", "asked"];

#[test]
fn nothing_starts_without_a_guard_or_a_record_or_before_an_approval() {
    let hosts = POOLS.map(|pool| HostSpec { pool: pool.to_owned(), ..HostSpec::new(pool) });
    let folder = tempfile::tempdir().unwrap();
    let audit_log = folder.path().join("audit.jsonl");
    // A disk that is full from the start.
    std::os::unix::fs::symlink("/dev/full", &audit_log).unwrap();
    let options = ["--audit-log", audit_log.to_str().unwrap()];
    let stage = Stage::start("gates", hosts.into()).unwrap().with_options(&options);
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
    let unrecorded =
        |run: &Run| run.blocker("NoRepairGuard").is_none() && run.blocker("AuditLogFails").is_some();
    stage.run_that("free", "cannot be recorded", DECIDED, unrecorded).unwrap();
    nothing_has_started(&stage, start, &POOLS);
    std::fs::remove_file(&audit_log).unwrap();
    let run = stage.run_that("free", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    assert_eq!(HostState::of(stage.host("free").unwrap()).unwrap().running, NEW_SYSTEMD);
    let run =
        stage.run_that("asked", "waits", DECIDED, |run| run.blocker("ApprovalRequired").is_some()).unwrap();
    let blocker = run.blocker("ApprovalRequired").unwrap();
    assert_eq!(blocker["object"], "repairpool/asked", "{blocker}");
    assert!(blocker["next"].as_str().is_some_and(|next| next.contains("approval")), "{blocker}");
    nothing_has_started(&stage, start, &["asked"]);
    everything_is_on_record(&audit_log);
}

/// Every effect was on record before it was sent, and its end after it; no record is missing.
fn everything_is_on_record(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (record, sequence) in records.iter().zip(1..) {
        assert_eq!(record["sequence"], sequence, "{record}");
    }
    let of = |event: &str| records.iter().filter(|record| record["event"] == event).collect::<Vec<_>>();
    let (announced, ended) = (of("effectAnnounced"), of("effectEnded"));
    let launched = |intent: &Value| {
        announced.iter().find(|record| &record["intent"] == intent).unwrap()["sequence"].as_u64()
    };
    for end in &ended {
        assert!(launched(&end["intent"]) < end["sequence"].as_u64(), "{end}");
    }
    for effect in ["cordon", "drain", "launch", "uncordon"] {
        assert!(announced.iter().any(|record| record["op"].get(effect).is_some()), "{effect}: {text}");
    }
    assert!(of("planned").len() >= POOLS.len() && !of("granted").is_empty(), "{text}");
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
