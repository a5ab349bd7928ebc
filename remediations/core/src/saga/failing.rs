//! When it does not go on: failures, stops, lifting our cordon again, and holding a node for a person.

use super::Brief;
use super::journal::{Journal, Mode, Outcome, StepState};
use super::next::{LATER, Next, SOON, clip, end, finish, wait, wait_for, write};
use super::observation::{Observation, Stop};
use crate::actions::{Failure, is_not_ours};
use crate::blocker::Blocker;
use crate::op::{Annotate, Op, OpResult};
use crate::time::Time;

/// The reason of a saga that waits, held, for a stop to be lifted.
pub(crate) const STOPPED: &str = "Stopped";

/// A step failed. Where the host is as it was, our cordon is lifted and the saga ends; else a person has to look.
pub(super) fn fail(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    index: usize,
    failure: &Failure,
    now: Time,
) -> Next {
    let mut journal = journal.clone();
    let unchanged = failure.unchanged && !host_changed(brief, &journal, Some(index));
    let record = &mut journal.steps[index];
    let state = if failure.unchanged { StepState::Failed } else { ended_state(failure) };
    if record.become_state(state, now).is_err() {
        return wait(LATER);
    }
    record.message = Some(clip(&failure.message));
    let message = format!("step {} failed: {}", record.name, failure.message);
    journal.reason = Some(failure.reason.clone());
    journal.message = Some(clip(&message));
    if unchanged {
        journal.outcome = Some(Outcome::Failed);
        restore_or_finish(&mut journal, now);
    } else {
        journal.mode = Mode::Holding;
    }
    write(journal, seen)
}

/// A job that nobody heard of again is not known to have failed.
fn ended_state(failure: &Failure) -> StepState {
    match failure.reason.as_str() {
        "StepTimedOut" | "JobLost" | "UnexpectedAnswer" => StepState::Indeterminate,
        _ => StepState::Failed,
    }
}

/// Somebody else works on the node: hands off, and say so.
pub(super) fn take_over(journal: &Journal, seen: &Observation, _now: Time, how: &str) -> Next {
    let mut journal = journal.clone();
    journal.mode = Mode::Holding;
    journal.reason = Some("HumanTakeover".into());
    journal.message = Some(clip(how));
    write(journal, seen)
}

/// A stop is in force and nothing is under way on the host that would have to be awaited.
pub(super) fn stopped(brief: &Brief, journal: &Journal, seen: &Observation, stop: &Stop, now: Time) -> Next {
    let mut changed = journal.clone();
    if host_changed(brief, journal, None) {
        changed.mode = Mode::Holding;
        changed.reason = Some(if stop.abort { "Aborted" } else { STOPPED }.to_owned());
        changed.message = Some(clip(&format!("stopped by {}: {}", stop.blocker.object, stop.blocker.next)));
        return write(changed, seen);
    }
    if stop.abort {
        changed.outcome = Some(Outcome::Skipped);
        changed.reason = Some("Aborted".into());
        changed.message = Some(clip(&stop.blocker.next));
        restore_or_finish(&mut changed, now);
        return write(changed, seen);
    }
    put_back(&mut changed, now);
    if journal.cordon.is_some() {
        // No outcome is written down: once the cordon is lifted, the saga waits at its start.
        changed.mode = Mode::Restoring;
        return write(changed, seen);
    }
    if changed != *journal {
        return write(changed, seen);
    }
    wait_for(journal, seen, now, LATER, vec![stop.blocker.clone()])
}

/// Steps that disturbed nothing, or whose effect is being restored, are to be done anew under new intents.
fn put_back(journal: &mut Journal, now: Time) {
    for record in &mut journal.steps {
        if record.state.may_become(StepState::Pending) && record.become_state(StepState::Pending, now).is_ok()
        {
            record.observed.clear();
            record.message = None;
        }
    }
}

/// Whether a step that changes the host was started. The step at `except` is judged by its own failure.
fn host_changed(brief: &Brief, journal: &Journal, except: Option<usize>) -> bool {
    brief.steps.iter().zip(&journal.steps).enumerate().any(|(index, (step, record))| {
        Some(index) != except && step.action.action().changes_host() && record.state != StepState::Pending
    })
}

fn restore_or_finish(journal: &mut Journal, now: Time) {
    match (&journal.cordon, journal.outcome) {
        (None, Some(outcome)) => finish(journal, outcome, now),
        _ => journal.mode = Mode::Restoring,
    }
}

/// Lifts our cordon. Needs no grant and is never blocked, whatever stops the rest.
pub(super) fn restore(journal: &Journal, seen: &Observation, now: Time) -> Next {
    let Some(mark) = &journal.cordon else {
        return restored(journal, seen, now);
    };
    match &seen.result {
        None => Next::Do(Op::Uncordon(mark.clone())),
        Some(OpResult::Uncordoned) => restored(journal, seen, now),
        Some(OpResult::NotDone(failure)) if is_not_ours(&failure.reason) => restored(journal, seen, now),
        Some(OpResult::NotDone(failure) | OpResult::Unknown(failure)) => {
            let blocker =
                Blocker::new(&failure.reason, "node", format!("lifting our cordon: {}", failure.message));
            wait_for(journal, seen, now, SOON, vec![blocker])
        }
        Some(_) => wait(SOON),
    }
}

fn restored(journal: &Journal, seen: &Observation, now: Time) -> Next {
    let mut journal = journal.clone();
    journal.cordon = None;
    match journal.outcome {
        Some(outcome) => finish(&mut journal, outcome, now),
        None => journal.mode = Mode::Forward,
    }
    write(journal, seen)
}

/// Writes on the node what happened and how to go on, for the person who finds it.
pub(super) fn hold(brief: &Brief, journal: &Journal, seen: &Observation, now: Time) -> Next {
    match &seen.result {
        None => Next::Do(Op::Annotate(Annotate {
            message: journal.message.clone().unwrap_or_default(),
            next: next_step(brief, journal),
        })),
        Some(OpResult::Annotated) => {
            let mut held = journal.clone();
            held.mode = Mode::Held;
            held.blockers = vec![held_blocker(brief, journal).since(now)];
            write(held, seen)
        }
        // The node is held all the same: nobody must take it for repaired because it could not be written on.
        Some(OpResult::NotDone(failure)) if !failure.retryable => {
            let next = format!("what happened could not be written on the node: {}", failure.message);
            let mut held = journal.clone();
            held.mode = Mode::Held;
            held.blockers = vec![held_blocker(brief, journal), Blocker::new(&failure.reason, "node", next)];
            write(held, seen)
        }
        Some(_) => wait(SOON),
    }
}

/// What a person has to do about a held node.
fn next_step(brief: &Brief, journal: &Journal) -> String {
    let node = &brief.node.name;
    match journal.reason.as_deref() {
        Some(STOPPED) => format!(
            "goes on by itself when the Hold is lifted: nodemend get holds; nodemend release HOLD. Run {}",
            brief.run
        ),
        _ => format!(
            "look at the node; when it is well, `kubectl uncordon {node}`, `kubectl annotate node {node} nodemend.dev/cordon- \
             nodemend.dev/message- nodemend.dev/next-` and `kubectl delete remediation {}`, which ends it. Details: nodemend \
             get run {}",
            brief.remediation, brief.run
        ),
    }
}

fn held_blocker(brief: &Brief, journal: &Journal) -> Blocker {
    let reason = journal.reason.as_deref().unwrap_or("Held");
    Blocker::new(reason, format!("node/{}", brief.node.name), next_step(brief, journal))
}

/// A held node goes on by itself only when it was a stop that held it, and the stop is gone. A person who ends the
/// run, or deletes the Remediation, ends it for good: the node is left as it is, cordoned and with its annotations,
/// so that it still counts as unavailable until somebody uncordons it.
pub(super) fn held(journal: &Journal, seen: &Observation, now: Time) -> Next {
    let stopped = journal.reason.as_deref() == Some(STOPPED);
    match &seen.stop {
        None if stopped => {
            let mut journal = journal.clone();
            // Time limits count from here: the time spent held is nobody's fault.
            if let Some(index) = journal.current().filter(|index| journal.steps[*index].started_at.is_some())
            {
                journal.steps[index].started_at = Some(now);
            }
            journal.mode = Mode::Forward;
            journal.reason = None;
            journal.message = None;
            journal.blockers.clear();
            write(journal, seen)
        }
        Some(stop) if stop.abort => {
            let message = format!(
                "left as it is by {}: {}",
                stop.blocker.object,
                journal.message.as_deref().unwrap_or_default()
            );
            let reason = journal.reason.as_deref().unwrap_or("Held");
            end(journal, seen, now, Outcome::Failed, reason, &message)
        }
        Some(stop) if stopped => wait_for(journal, seen, now, LATER, vec![stop.blocker.clone()]),
        _ => wait(LATER),
    }
}
