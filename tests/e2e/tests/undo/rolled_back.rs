//! What becomes of a node whose upgrade is not proven, and of the others.

use jiff::Timestamp;
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD, Repository, systemd_package};
use nodemend_e2e::Stage;
use nodemend_e2e::journal::{Journal, Run};
use nodemend_e2e::proof::{self, HostState, NodeState};
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::{LOST, OVER, resolve, run, upgrade, with_pool};

/// Also when the controller is killed in the middle of it.
#[test]
fn an_upgrade_that_is_not_proven_is_taken_back_and_no_other_node_touched() {
    let stage = with_pool("back");
    let start = Timestamp::now();
    let before = ["back-1", "back-2"].map(|host| HostState::of(stage.host(host).unwrap()).unwrap());
    stage.apply([upgrade("taken-back", "back", &["back-1", "back-2"])]).unwrap();
    let undoing = |run: &Run| {
        let journals = stage.journals(run.name()).unwrap();
        journals.iter().any(|journal| journal.step("install") == "UndoStarted")
    };
    stage.run_that("back", "takes the package back", OVER, undoing).unwrap();
    stage.kill_controller_and_start_again().unwrap();
    let run = stage.run_that("back", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Failed", "{}", stage.situation());
    let [journal] = &stage.journals(run.name()).unwrap()[..] else { panic!("{}", stage.situation()) };
    assert_eq!(journal.outcome(), "Failed", "{}", journal.summary());
    assert!(journal.message().starts_with("rolled back (install, reboot)"), "{}", journal.summary());
    assert!(run.message().contains("rolled back"), "{}", run.summary());
    let (undone, untouched) = if journal.node() == "back-1" { (0, 1) } else { (1, 0) };
    is_as_before(&stage, journal.node(), start, &before[undone]);
    let other = ["back-1", "back-2"][untouched];
    assert!(!Witness::since(&stage, start).unwrap().cordoned(other), "{other} was cordoned");
    assert_eq!(HostState::of(stage.host(other).unwrap()).unwrap(), before[untouched]);
}

/// The old build is installed and runs, after two restarts, and the node serves without a trace.
fn is_as_before(stage: &Stage, node: &str, start: Timestamp, before: &HostState) {
    let after = HostState::of(stage.host(node).unwrap()).unwrap();
    assert_eq!((after.package.as_str(), after.running.as_str()), (OLD_SYSTEMD, OLD_SYSTEMD));
    assert_eq!((&after.package, &after.running), (&before.package, &before.running));
    let boots: Vec<_> =
        proof::reboots(stage, node, start).unwrap().into_iter().map(|reboot| reboot.boot_id).collect();
    assert_eq!((boots.len(), boots.last()), (2, Some(&after.boot_id)), "{boots:?}");
    assert_eq!(NodeState::of(stage, node).unwrap(), NodeState::default());
}

#[test]
fn where_there_is_no_way_back_the_node_is_held_and_with_it_run_and_playbook_but_nothing_else() {
    let stage = with_pool("lost");
    let start = Timestamp::now();
    stage.apply([upgrade("no-way-back", "lost", &["lost"])]).unwrap();
    let held = stage.journal_that("lost", "is held", OVER, |journal| journal.mode() == "Held").unwrap();
    it_says_what_failed(&held);
    let after = HostState::of(stage.host("lost").unwrap()).unwrap();
    assert_eq!(
        (after.package.as_str(), after.running.as_str()),
        (NEW_SYSTEMD, NEW_SYSTEMD),
        "nothing changed"
    );
    assert_eq!(proof::reboots(&stage, "lost", start).unwrap().len(), 1);
    assert!(NodeState::of(&stage, "lost").unwrap().cordoned);
    it_holds(&stage);
    // The playbook may not go on in this pool, another one may.
    stage.apply([upgrade("the-same-again", "lost", &["mate"])]).unwrap();
    stage.apply([run("another", "lost", ("restart-kubelet", "1.0.0"), &["mate"])]).unwrap();
    let by_name = |name: &'static str| move |run: &Run| run.name() == name;
    let barred =
        |run: &Run| by_name("the-same-again")(run) && run.waits_for("Hold").contains("NoSuchVersion");
    stage.run_that("lost", "waits for the Hold", OVER, barred).unwrap();
    let repaired = |run: &Run| by_name("another")(run) && run.phase() == "Succeeded";
    stage.run_that("lost", "repairs by another playbook", OVER, repaired).unwrap();
    assert_eq!(HostState::of(stage.host("mate").unwrap()).unwrap().package, LOST);
    a_way_back_is_taken_once_there_is_one(&stage);
}

/// A person finds the package again and has the undo tried once more: no Hold stops that.
fn a_way_back_is_taken_once_there_is_one(stage: &Stage) {
    let host = stage.host("lost").unwrap();
    let repository = Repository::of(stage.bed().hub(), host.base_image());
    repository.add(&systemd_package(host.base_image(), LOST).unwrap()).unwrap();
    resolve(stage, "no-way-back", "lost", "install", "failed");
    let over = stage.journal_that("lost", "is over", OVER, |journal| journal.mode() == "Finished").unwrap();
    assert!(
        over.message().starts_with("rolled back (install, reboot): step verify failed"),
        "{}",
        over.summary()
    );
    let after = HostState::of(host).unwrap();
    assert_eq!((after.package.as_str(), after.running.as_str()), (LOST, LOST));
    assert_eq!(NodeState::of(stage, "lost").unwrap(), NodeState::default());
}

fn it_says_what_failed(held: &Journal) {
    assert_eq!(held.0["status"]["reason"], "UndoFailed", "{}", held.summary());
    assert_eq!((held.step("install"), held.step("verify")), ("UndoFailed", "Failed"), "{}", held.summary());
    let told = held.message();
    assert!(told.contains("undo of step install failed") && told.contains("NoSuchVersion"), "{told}");
}

/// Three Holds, of the node, the run and the playbook in the pool, each of which says what to do.
fn it_holds(stage: &Stage) {
    let holds = stage.list("holds").unwrap();
    let holds: Vec<_> = holds.iter().filter(|hold| hold["spec"]["reason"] == "UndoFailed").collect();
    let mut scopes: Vec<_> = holds.iter().map(|hold| hold["spec"]["scope"].clone()).collect();
    scopes.sort_by_key(Value::to_string);
    let wanted = [
        json!({"node": {"name": "lost"}}),
        json!({"playbook": {"name": "upgrade-systemd", "pool": "lost"}}),
        json!({"run": {"name": "no-way-back"}}),
    ];
    assert_eq!(scopes, wanted);
    for hold in holds {
        let message = hold["spec"]["message"].as_str().unwrap();
        assert!(message.contains("nodemend resolve no-way-back --node lost --step install"), "{message}");
    }
}
