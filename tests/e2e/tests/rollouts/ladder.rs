//! An escalation ladder: what the first playbook cannot cure, the next one does.

use jiff::Timestamp;
use nodemend_bed::fault::Fault;
use nodemend_bed::workloads::deployment;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::API_VERSION;
use nodemend_e2e::proof::{self, HostState, NodeState};
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::{Lent, ONE, SOON, lend};

const HEALTHZ: &str = "node.kubelet-healthz";

/// Restarts the kubelet; after one failure drains and reboots.
fn policy() -> Value {
    let playbook = |name: &str| json!({"name": name, "version": "^1"});
    json!({
        "apiVersion": API_VERSION, "kind": "RepairPolicy", "metadata": {"name": "ladder"},
        "spec": {
            "mode": "Enforce", "match": {"findings": [{"check": HEALTHZ}]}, "pools": ["ladder"],
            "playbook": playbook("restart-kubelet"),
            "escalation": [{"afterFailures": 1, "playbook": playbook("drain-and-reboot")}],
        },
    })
}

#[test]
fn a_node_that_a_restart_of_its_kubelet_cannot_cure_is_rebooted_next() {
    let lent = lend(&ONE, "ladder", 1, &json!({}));
    // A pod that its kubelet cannot end any more: the drain leaves it to the reboot.
    lent.apply([deployment("ladder", 1, "ladder")]).unwrap();
    lent.bed().kubectl(&["rollout", "status", "deployment/ladder", "--timeout=60s"]).unwrap();
    let host = lent.host("one").unwrap();
    let start = Timestamp::now();
    host.inject(Fault::KubeletFrozen).unwrap();
    host.inject(Fault::Pid1Hung).unwrap();
    let found = || Ok((lent.check_state("one", HEALTHZ)? == "Fail").then_some(()));
    lent.eventually("the finding", SOON, found).unwrap();
    lent.apply([policy()]).unwrap();

    let first = lent.run_that("is over", Run::is_over);
    let free = the_restart_failed(&lent, &first);
    let second = lent.run_that("is over", |run| run.is_over() && run.name() != first.name());
    assert_eq!(
        (second.phase(), &second.0["spec"]["playbook"]),
        ("Succeeded", &json!("drain-and-reboot")),
        "{}",
        lent.situation()
    );
    it_was_rebooted_once(&lent, start, free);
    lent.a_while();
    assert_eq!(lent.check_state("one", HEALTHZ).unwrap(), "Pass");
    assert_eq!(lent.runs("ladder").unwrap().len(), 2, "{}", lent.situation());
}

/// Returns when the node was free again.
fn the_restart_failed(lent: &Lent, run: &Run) -> Timestamp {
    assert_eq!((run.phase(), &run.0["spec"]["playbook"]), ("Failed", &json!("restart-kubelet")));
    let journal = lent.journals(run.name()).unwrap().remove(0);
    let ended = (journal.outcome(), &journal.0["status"]["reason"]);
    assert_eq!(ended, ("Failed", &json!("ManagerSilent")), "{}", journal.summary());
    journal.times().unwrap().1
}

/// Drained and rebooted by the second run, and not touched before it.
fn it_was_rebooted_once(lent: &Lent, start: Timestamp, free: Timestamp) {
    let witness = Witness::since(lent, start).unwrap();
    let mine: Vec<_> = witness.cordon_changes().into_iter().filter(|change| change.node == "one").collect();
    assert!(mine[0].at > free, "not cordoned before the second run: {mine:?}");
    assert!(witness.evictions().iter().any(|eviction| eviction.pod.starts_with("ladder")), "it was drained");
    let reboots = proof::reboots(lent, "one", start).unwrap();
    assert_eq!(reboots.len(), 1, "{reboots:?}");
    assert_eq!(HostState::of(lent.host("one").unwrap()).unwrap().boot_id, reboots[0].boot_id);
    assert_eq!(NodeState::of(lent, "one").unwrap(), NodeState::default());
}
