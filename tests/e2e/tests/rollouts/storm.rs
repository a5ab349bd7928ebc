//! A storm of real kubelets: held, and healed through the Hold one node at a time once that is allowed.

use jiff::Timestamp;
use nodemend_bed::fault::Fault;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::API_VERSION;
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::{Lent, OVER, SIX, SOON, lend};

const PROCESS: &str = "node.kubelet-process";
const HOLD: &str = "storm-stormy";
/// Three of six are a storm.
const STOPPED: [&str; 3] = ["six-2", "six-4", "six-6"];

/// The pool: three repairs at once, but for the storm. `calm` is how long its Hold stays behind it.
fn pool(admitted: &[&str], calm: &str) -> Value {
    let storm = json!({"atLeast": 3, "within": "2s", "calm": calm, "admitChecks": admitted});
    json!({"budget": {"maxUnavailable": 3}, "storm": storm})
}

fn policy() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "RepairPolicy", "metadata": {"name": "stormy"},
        "spec": {
            "mode": "Enforce", "match": {"findings": [{"check": PROCESS}]}, "pools": ["stormy"],
            "playbook": {"name": "restart-kubelet", "version": "^1"},
        },
    })
}

fn held(lent: &Lent) -> bool {
    lent.list("holds").unwrap().iter().any(|hold| hold["metadata"]["name"] == HOLD)
}

#[test]
fn a_storm_of_kubelets_waits_and_is_healed_one_by_one_where_its_fault_is_admitted() {
    let lent = lend(&SIX, "stormy", 6, &pool(&[], "10m"));
    let start = Timestamp::now();
    a_storm_is_held(&lent);
    lent.apply([policy()]).unwrap();
    let names_it = |run: &Run| run.blocker("Hold").is_some_and(|b| b["object"] == format!("hold/{HOLD}"));
    let run = lent.run_that("waits for the storm", names_it);
    lent.a_while();
    assert!(lent.journals(run.name()).unwrap().is_empty(), "{}", lent.situation());

    // Calm for longer than the repairs take: what keeps them apart is the storm.
    lent.change_pool(&pool(&[PROCESS], "10m"));
    let run = lent.succeeded();
    assert_eq!(run.0["status"]["counts"]["repaired"], STOPPED.len(), "{}", run.summary());
    assert!(held(&lent), "all of it went through the Hold");
    one_by_one(&lent, &run);
    let witness = Witness::since(&lent, start).unwrap();
    assert!(!lent.nodes.iter().any(|node| witness.cordoned(node)), "a restart of a kubelet needs no cordon");

    lent.change_pool(&pool(&[PROCESS], "5s"));
    lent.eventually("the end of the Hold", SOON, || Ok((!held(&lent)).then_some(()))).unwrap();
}

/// The kubelets are stopped, found to be, and too many for that to be the nodes' own fault.
fn a_storm_is_held(lent: &Lent) {
    for node in STOPPED {
        lent.host(node).unwrap().inject(Fault::KubeletStopped).unwrap();
    }
    lent.eventually("a storm Hold", OVER, || Ok(held(lent).then_some(()))).unwrap();
    for node in STOPPED {
        let found = || Ok((lent.check_state(node, PROCESS)? == "Fail").then_some(()));
        lent.eventually("the finding", SOON, found).unwrap();
    }
}

fn one_by_one(lent: &Lent, run: &Run) {
    let journals = lent.journals(run.name()).unwrap();
    for (index, journal) in journals.iter().enumerate() {
        let beside = journals[index + 1..].iter().find(|other| journal.overlaps(other));
        assert!(beside.is_none(), "{} beside {beside:?}", journal.summary());
    }
}
