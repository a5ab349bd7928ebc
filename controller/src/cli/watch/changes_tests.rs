//! What a watched run says as it goes on.

use nodemend_core::ids::NodeName;
use nodemend_core::playbook::Phase;
use nodemend_core::saga::{Mode, Outcome};
use nodemend_core::snapshot::{Remediation, RunPhase};

use super::*;

const AT: Time = Time(3_723_000);

fn journal(step: StepState, started: i64, finished: Option<i64>) -> Journal {
    let mut record = StepRecord::new("drain", Phase::Disrupt);
    record.state = step;
    record.attempt = 1;
    record.started_at = Some(Time(started));
    record.finished_at = finished.map(Time);
    Journal { steps: vec![record], started_at: Some(Time(0)), ..Journal::default() }
}

fn node(journal: Option<Journal>) -> NodeLine {
    let remediation = Remediation {
        name: "r-1".into(),
        uid: "ru1".into(),
        run: "old".into(),
        run_uid: "run1".into(),
        pool: "web".into(),
        node: NodeName::from("n1"),
        node_uid: "u1".into(),
        deleting: false,
        checks: Vec::new(),
        journal,
    };
    NodeLine { name: "n1".into(), progress: progress(Some(&remediation)), remediation: Some(remediation) }
}

fn frame(phase: RunPhase, node: NodeLine) -> Frame {
    Frame {
        run: "old".into(),
        phase,
        message: None,
        deleting: false,
        plan_only: false,
        batch: 0,
        batches: 1,
        nodes: vec![node],
        blockers: Vec::new(),
    }
}

#[test]
fn the_first_frame_says_everything_and_the_same_again_nothing() {
    let first = frame(RunPhase::Running, node(Some(journal(StepState::Started, 0, None))));
    let said = lines(None, &first, AT);
    assert_eq!(
        said,
        [
            "01:02:03Z  run old is Running",
            "01:02:03Z  plan: 1 node in 1 batch",
            "01:02:03Z  n1  drain started"
        ]
    );
    assert_eq!(lines(Some(&first), &first, AT), Vec::<String>::new());
}

#[test]
fn a_step_says_how_long_it_took_and_why_it_failed() {
    let old = frame(RunPhase::Running, node(Some(journal(StepState::Started, 0, None))));
    let done = frame(RunPhase::Running, node(Some(journal(StepState::Succeeded, 0, Some(65_000)))));
    assert_eq!(lines(Some(&old), &done, AT), ["01:02:03Z  n1  drain done in 1m5s"]);
    let mut failed = journal(StepState::Failed, 0, Some(5000));
    failed.steps[0].message = Some("no room".into());
    let failed = frame(RunPhase::Running, node(Some(failed)));
    assert_eq!(lines(Some(&old), &failed, AT), ["01:02:03Z  n1  drain FAILED in 5s: no room"]);
}

#[test]
fn what_is_waited_for_is_said_when_it_begins_and_when_it_ends() {
    let free = frame(RunPhase::Running, node(None));
    let mut held = free.clone();
    held.blockers.push(Blocker::new("Hold", "hold/a", "release it").since(Time(1)));
    let waits = "01:02:03Z  waits for hold/a (Hold): release it";
    assert_eq!(lines(Some(&free), &held, AT), [waits]);
    assert_eq!(lines(Some(&held), &free, AT), ["01:02:03Z  no longer waits for hold/a (Hold)"]);
}

#[test]
fn a_run_is_over_when_nothing_moves_any_more() {
    let mode = |mode| node(Some(Journal { mode, ..journal(StepState::Failed, 0, Some(1)) }));
    assert_eq!(frame(RunPhase::Stopped, mode(Mode::Forward)).success(), None);
    assert_eq!(frame(RunPhase::Stopped, node(None)).success(), None, "granted, and about to begin");
    assert_eq!(frame(RunPhase::Stopped, mode(Mode::Held)).success(), Some(false));
    assert_eq!(frame(RunPhase::Succeeded, mode(Mode::Finished)).success(), Some(true));
    assert_eq!(frame(RunPhase::Aborted, mode(Mode::Finished)).success(), Some(false));
}

#[test]
fn a_node_says_how_it_ended() {
    let old = frame(RunPhase::Running, node(Some(journal(StepState::Succeeded, 0, Some(1)))));
    let ended = Journal {
        mode: Mode::Finished,
        outcome: Some(Outcome::Repaired),
        finished_at: Some(Time(90_000)),
        message: Some("proven".into()),
        ..journal(StepState::Succeeded, 0, Some(1))
    };
    let new = frame(RunPhase::Running, node(Some(ended)));
    assert_eq!(lines(Some(&old), &new, AT), ["01:02:03Z  n1  repaired after 1m30s: proven"]);
}

#[test]
fn an_undo_is_told_step_by_step() {
    let undo = |state, finished: Option<i64>, message: Option<&str>| {
        let mut journal = Journal { mode: Mode::Undoing, ..journal(StepState::Failed, 0, Some(1)) };
        let record = &mut journal.steps[0];
        record.start_undo("undo:drain-1-x".into(), Time(5000)).unwrap();
        record.state = state;
        let undo = record.undo.as_mut().unwrap();
        (undo.finished_at, undo.message) = (finished.map(Time), message.map(str::to_owned));
        frame(RunPhase::Stopped, node(Some(journal)))
    };
    let failed = frame(RunPhase::Running, node(Some(journal(StepState::Failed, 0, Some(1)))));
    let started = undo(StepState::UndoStarted, None, None);
    let told = lines(Some(&failed), &started, AT);
    assert!(told.iter().any(|line| line.ends_with("n1  undo of drain started, being undone")), "{told:?}");
    assert_eq!(started.success(), None, "it still moves");
    let done = undo(StepState::Undone, Some(65_000), None);
    assert_eq!(lines(Some(&started), &done, AT), ["01:02:03Z  n1  drain undone in 1m"]);
    let stuck = undo(StepState::UndoFailed, Some(8000), Some("no such version"));
    let told = "01:02:03Z  n1  undo of drain FAILED in 3s: no such version";
    assert_eq!(lines(Some(&started), &stuck, AT), [told]);
}
