//! Runs and Remediations that are deleted in the middle: they end, their nodes go back to service, nothing comes again.

use jiff::Timestamp;
use nodemend_bed::workloads::deployment;
use nodemend_e2e::journal::Journal;
use nodemend_e2e::proof::NodeState;
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::{Lent, ONE, OVER, PAIR, SOON, lend};

/// A drain under these rules waits for every pod of the namespace to end by itself.
fn waiting_drain() -> Value {
    json!({"drain": {"rules": [{"namespaces": ["default"], "action": "Wait"}]}})
}

/// A node whose drain waits for a pod that stays: its Remediation.
fn draining(lent: &Lent) -> String {
    lent.apply([deployment(lent.pool, 1, lent.pool)]).unwrap();
    let rollout = format!("deployment/{}", lent.pool);
    lent.bed().kubectl(&["rollout", "status", &rollout, "--timeout=60s"]).unwrap();
    lent.set_aside(lent.pool, &json!({"batches": [1]}));
    let waits = |journal: &Journal| {
        journal.run() == lent.pool && journal.step("drain") == "Started" && !journal.blockers().is_empty()
    };
    let journal = lent.journal_that(lent.nodes[0], "waits for its pod", OVER, waits).unwrap();
    assert!(NodeState::of(lent, lent.nodes[0]).unwrap().cordoned, "it is cordoned while it is drained");
    journal.0["metadata"]["name"].as_str().unwrap().to_owned()
}

/// The nodes bear no trace, and only `cordons` cordons were ever made, though the controller has decided many times since.
fn all_is_over(lent: &Lent, start: Timestamp, cordons: usize) {
    lent.a_while();
    for node in lent.nodes {
        assert_eq!(NodeState::of(lent, node).unwrap(), NodeState::default(), "{node}");
    }
    let witness = Witness::since(lent, start).unwrap();
    let mut changes = witness.cordon_changes();
    changes.retain(|change| change.cordoned && lent.nodes.contains(&change.node.as_str()));
    assert_eq!(changes.len(), cordons, "{changes:?}");
    let grants = &lent.get("repairpool", lent.pool).unwrap()["status"]["grants"];
    assert_eq!(grants.as_array().map_or(0, Vec::len), 0, "{grants}");
}

#[test]
fn a_run_that_is_deleted_during_a_drain_gives_its_node_back_and_goes() {
    let lent = lend(&ONE, "deleted", 1, &waiting_drain());
    let start = Timestamp::now();
    draining(&lent);
    // Comes back when the object is gone.
    lent.delete("repairrun", "deleted").unwrap();
    let none = || Ok(lent.journals("deleted")?.is_empty().then_some(()));
    lent.eventually("a run whose Remediations went with it", SOON, none).unwrap();
    lent.delete("deployment", "deleted").unwrap();
    all_is_over(&lent, start, 1);
}

#[test]
fn a_remediation_that_is_deleted_during_a_drain_gives_its_node_back_and_is_not_made_again() {
    let lent = lend(&ONE, "withdrawn", 1, &waiting_drain());
    let start = Timestamp::now();
    let remediation = draining(&lent);
    lent.delete("remediation", &remediation).unwrap();
    let run = lent.run_that("is over", nodemend_e2e::journal::Run::is_over);
    assert_eq!(run.0["status"]["nodes"], "s", "{}", run.summary());
    lent.delete("deployment", "withdrawn").unwrap();
    all_is_over(&lent, start, 1);
}

#[test]
fn a_run_that_is_deleted_during_a_soak_begins_no_further_node_and_goes() {
    let lent = lend(&PAIR, "soaked", 2, &json!({}));
    let start = Timestamp::now();
    lent.set_aside("soaked", &json!({"canary": {"nodes": 1, "soak": "30m"}, "batches": [1]}));
    lent.run_that("watches its canary", |run| run.blocker("Soak").is_some());
    lent.delete("repairrun", "soaked").unwrap();
    all_is_over(&lent, start, 1);
}
