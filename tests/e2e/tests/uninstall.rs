//! Leaving: `nodemend uninstall` in the middle of repairs, with a controller and without one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::process::Output;
use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_bed::fault::Fault;
use nodemend_bed::workloads::deployment;
use nodemend_e2e::journal::{Journal, Run};
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::proof::NodeState;
use nodemend_e2e::{Stage, program};
use serde_json::json;

/// Until a repair has come as far as it is wanted.
const SOON: Duration = Duration::from_mins(3);

/// A pool whose drains wait for the pods of the default namespace; one such pod stays on the first node.
fn with_pool(name: &'static str, nodes: &[&str]) -> Stage {
    let hosts = nodes.iter().map(|node| HostSpec { pool: name.to_owned(), ..HostSpec::new(node) });
    let stage = Stage::start(name, hosts.collect()).unwrap();
    let spec = PoolSpec { max_unavailable: 2, ..PoolSpec::new(name) };
    let mut pool = objects::pool(spec, stage.login());
    pool["spec"]["drain"] = json!({"rules": [{"namespaces": ["default"], "action": "Wait"}]});
    let mut stays = deployment("stays", 1, name);
    stays["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": nodes[0]});
    stage.apply([objects::guard(), pool, stays]).unwrap();
    stage.bed().kubectl(&["rollout", "status", "deployment/stays", "--timeout=60s"]).unwrap();
    let start = Timestamp::now();
    stage.start_controller().unwrap();
    stage.reported(nodes, start).unwrap();
    stage
}

fn drains(stage: &Stage, node: &str) {
    let waits = |journal: &Journal| journal.step("drain") == "Started" && !journal.blockers().is_empty();
    stage.journal_that(node, "is drained", SOON, waits).unwrap();
    assert!(NodeState::of(stage, node).unwrap().cordoned, "{node}");
}

fn uninstall(stage: &Stage, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = program::command(stage.bed().admin_kubeconfig()).unwrap();
    let Output { status, stdout, stderr } = command.arg("uninstall").args(flags).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout) + &text(stderr))
}

/// Nothing of ours stops anything any more, and nothing waits for a controller: the kinds go at once.
fn nothing_hangs(stage: &Stage) {
    for kind in ["holds", "repairpolicies"] {
        assert!(stage.list(kind).unwrap().is_empty(), "{kind}");
    }
    for kind in ["repairruns", "remediations"] {
        let kept = stage.list(kind).unwrap();
        let held: Vec<_> = kept.iter().filter(|object| object["metadata"]["finalizers"].is_array()).collect();
        assert!(held.is_empty(), "{held:?}");
    }
    let kinds = stage.bed().kubectl(&["get", "crd", "-o", "name"]).unwrap();
    let kinds = kinds.lines().filter(|kind| kind.ends_with(".nodemend.dev"));
    let delete: Vec<_> = ["delete", "--timeout=30s"].into_iter().chain(kinds).collect();
    stage.bed().kubectl(&delete).unwrap();
}

#[test]
fn the_controller_ends_its_repairs_and_leaves_nothing_that_hangs() {
    let stage = with_pool("leaving", &["leaving-1"]);
    let scope = json!({"pool": {"name": "leaving"}});
    stage.apply([objects::policy("leaving", "=1.0.0")]).unwrap();
    drains(&stage, "leaving-1");

    let (code, said) = uninstall(&stage, &[]);
    assert!(code == Some(2) && said.contains("abort 1 run") && said.contains("--yes"), "{said}");
    assert!(NodeState::of(&stage, "leaving-1").unwrap().cordoned, "nothing was done without a yes");

    let mut pause = objects::hold("pause", &scope);
    pause["spec"]["level"] = json!("Pause");
    stage.apply([pause]).unwrap();
    let (code, said) = uninstall(&stage, &["--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("waits for the controller: run "), "{said}");
    assert_eq!(NodeState::of(&stage, "leaving-1").unwrap(), NodeState::default(), "{said}");
    assert!(stage.runs("leaving").unwrap().iter().all(Run::is_over), "{}", stage.situation());
    stage.stop_controller().unwrap();
    nothing_hangs(&stage);
}

#[test]
fn without_a_controller_untouched_hosts_are_given_back_and_changed_ones_left_to_a_person() {
    let stage = with_pool("left", &["left-1", "left-2"]);
    // The transaction of such a host takes 90 s: long enough to be in the middle of.
    stage.host("left-2").unwrap().inject(Fault::Pid1Hung).unwrap();
    stage.apply([objects::policy("left", "=1.0.0")]).unwrap();
    drains(&stage, "left-1");
    let installs =
        |journal: &Journal| journal.step("install") == "Started" && !journal.progress("install").is_empty();
    stage.journal_that("left-2", "installs", SOON, installs).unwrap();
    stage.kill_controller().unwrap();

    let (code, said) = uninstall(&stage, &["--yes", "--patience", "3s"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the controller is gone"), "{said}");
    assert!(said.contains("node left-1: its cordon is lifted"), "{said}");
    assert!(
        said.contains("node left-2: LEFT CORDONED") && said.contains("kubectl uncordon left-2"),
        "{said}"
    );
    assert_eq!(NodeState::of(&stage, "left-1").unwrap(), NodeState::default(), "{said}");
    assert!(NodeState::of(&stage, "left-2").unwrap().cordoned, "{said}");
    nothing_hangs(&stage);
}
