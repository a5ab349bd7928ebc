//! When a drain is over, and on which nodes it does not wait for pods that never end.

use super::*;
use crate::blocker::Blocker;
use crate::cordon::CordonMark;
use crate::drain::RemainingPod;
use crate::plan::PlannedNode;
use crate::saga::{Brief, Journal, NodeState, StepRecord};
use crate::time::Time;

const NOW: Time = Time(1_000_000);

/// What is known of a node: what the probe read of PID 1 and of the runtime, and the condition Ready.
#[derive(Clone, Copy)]
struct Known {
    pid1: &'static str,
    runtime: &'static str,
    ready: Option<bool>,
}

const WELL: Known = Known { pid1: "answers", runtime: "answers", ready: Some(true) };

fn brief() -> Brief {
    let node =
        PlannedNode { name: "n".into(), uid: "u".into(), provider_id: None, evidence: vec![], batch: 0 };
    Brief {
        remediation: "r".into(),
        uid: "uid".into(),
        run: "run".into(),
        run_uid: "run-uid".into(),
        pool: "web".into(),
        playbook: "p".into(),
        node,
        steps: Vec::new(),
        drain_rules: Vec::new(),
    }
}

fn read(known: Known, progress: DrainProgress) -> Reading {
    let observed = [("pid1", known.pid1), ("runtime", known.runtime)];
    let confirm = StepRecord {
        observed: observed.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..StepRecord::new("confirm", Phase::Prepare)
    };
    let (brief, journal) = (brief(), Journal { steps: vec![confirm], ..Journal::default() });
    let node = NodeState {
        uid: "u".into(),
        unschedulable: true,
        cordon: None::<CordonMark>,
        told: false,
        ready: known.ready,
        ready_since: None,
        boot_id: "b".into(),
    };
    let context = StepContext {
        brief: &brief,
        journal: &journal,
        node: &node,
        intent: &"i".into(),
        epoch: 1,
        first: false,
        started_at: Time(0),
        now: NOW,
    };
    Drain::default().read(&context, Some(&OpResult::Drained(progress)))
}

/// Two pods are left: one whose grace ended so many seconds ago, and one as given.
fn left(seconds_ago: i64, other: Option<i64>) -> DrainProgress {
    let pod = |name: &str, ago: Option<i64>| RemainingPod {
        name: name.to_owned(),
        grace_ends: ago.map(|ago| NOW.before(Span::seconds(ago))),
    };
    DrainProgress {
        remaining: vec![pod("web/a", Some(seconds_ago)), pod("web/b", other)],
        remaining_total: 2,
        ..DrainProgress::default()
    }
}

fn waits(reading: &Reading) -> bool {
    matches!(reading, Reading::Again { .. })
}

#[test]
fn pods_that_cannot_end_are_left_behind_and_listed() {
    for known in [
        Known { pid1: "silent", ..WELL },
        Known { runtime: "silent", ..WELL },
        Known { ready: None, ..WELL },
        Known { runtime: "silent", ready: Some(false), ..WELL },
    ] {
        let Reading::Done(observed) = read(known, left(11, Some(60))) else { panic!("it still waits") };
        assert_eq!(observed["leftBehind"], "web/a, web/b");
    }
}

#[test]
fn a_node_that_is_only_slow_is_waited_for() {
    for known in [
        WELL,
        Known { pid1: "unknown", runtime: "unknown", ..WELL },
        // It says itself that it is not ready: its kubelet lives, and may end pods.
        Known { ready: Some(false), ..WELL },
    ] {
        assert!(waits(&read(known, left(600, Some(600)))));
    }
}

#[test]
fn every_pod_must_have_been_told_and_outlived_its_grace() {
    let hung = Known { runtime: "silent", ..WELL };
    assert!(waits(&read(hung, left(10, Some(60)))), "grace ended a moment ago");
    assert!(waits(&read(hung, left(60, None))), "one was not told to go");
    assert!(waits(&read(hung, left(60, Some(-5)))), "the grace of one has not ended");
    let unnamed = DrainProgress { remaining_total: 3, ..left(60, Some(60)) };
    assert!(waits(&read(hung, unnamed)), "nothing is known of the third");
}

#[test]
fn a_pod_that_must_not_be_touched_fails_the_drain_and_one_that_waits_is_named() {
    let refused = vec![Blocker::new("UnmanagedPod", "pod/web/a", "delete it")];
    let Reading::Failed(failure) = read(WELL, DrainProgress { refused, ..left(0, None) }) else {
        panic!("it does not fail")
    };
    assert_eq!((failure.reason.as_str(), failure.effect), ("DrainRefused", Effect::Nothing));
    assert!(failure.message.contains("pod/web/a: delete it"), "{}", failure.message);
    let blockers = vec![Blocker::new("DaemonSetUnknown", "pod/web/d", "not read")];
    let Reading::Again { blockers, .. } = read(WELL, DrainProgress { blockers, ..left(0, None) }) else {
        panic!("it does not wait")
    };
    assert_eq!(blockers[0].object, "pod/web/d");
    assert_eq!(read(WELL, DrainProgress::default()), Reading::Done(BTreeMap::new()));
}
