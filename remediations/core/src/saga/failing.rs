//! When it does not go on: failures, stops, lifting our cordon again, and holding a node for a person.

use super::journal::{Journal, Mode, Outcome};
use super::next::{LATER, Next, SOON, clip, end, finish, wait, wait_for, write};
use super::observation::{NodeState, Observation, Stop};
use super::step::StepState;
use super::undoing::{self, UNDO_FAILED};
use super::{Brief, barring};
use crate::actions::{Effect, Failure, is_not_ours};
use crate::blocker::Blocker;
use crate::cordon::{CORDON_ANNOTATION, MESSAGE_ANNOTATION, NEXT_ANNOTATION};
use crate::op::{Annotate, Op, OpResult};
use crate::playbook::Phase;
use crate::time::Time;

/// The reason of a saga that waits, held, for a stop to be lifted.
pub(crate) const STOPPED: &str = "Stopped";

/// A step failed. Where nothing lasting was done to the host, our cordon is lifted and the saga ends, so that another
/// playbook may have its turn. Where something was it is undone, if all of it can be; else, and where nobody knows, a
/// person has to look.
pub(super) fn fail(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    index: usize,
    failure: &Failure,
    now: Time,
) -> Next {
    let mut journal = journal.clone();
    let without_effect = (failure.effect == Effect::Nothing).then_some(index);
    let unknown = failure.effect == Effect::Unknown;
    let unchanged = !unknown && !host_changed(brief, &journal, without_effect);
    let record = &mut journal.steps[index];
    let state = if unknown { StepState::Indeterminate } else { StepState::Failed };
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
    } else if !unknown {
        undo_or_hold(brief, &mut journal, index, without_effect);
    } else {
        journal.mode = Mode::Holding;
    }
    write(journal, seen)
}

/// The host was changed. What is proven is not undone because it could not be released.
fn undo_or_hold(brief: &Brief, journal: &mut Journal, failed: usize, without_effect: Option<usize>) {
    let proven = brief.steps[failed].phase == Phase::Release;
    let obstacle = if proven {
        Some("the repair is proven".to_owned())
    } else {
        undoing::obstacle(brief, journal, without_effect)
    };
    journal.blockers.clear();
    journal.mode = if obstacle.is_none() { Mode::Undoing } else { Mode::Holding };
    if let (Some(why), Some(message)) = (obstacle, &mut journal.message) {
        *message = clip(&format!("{message}; not undone: {why}"));
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
    if host_changed(brief, journal, None) {
        return stopped_on_changed_host(journal, seen, stop);
    }
    let mut changed = journal.clone();
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

/// What was begun on the host cannot be put back: the node is held until the stop is lifted, or for a person.
fn stopped_on_changed_host(journal: &Journal, seen: &Observation, stop: &Stop) -> Next {
    let mut journal = journal.clone();
    journal.mode = Mode::Holding;
    journal.reason = Some(if stop.abort { "Aborted" } else { STOPPED }.to_owned());
    journal.message = Some(clip(&format!("stopped by {}: {}", stop.blocker.object, stop.blocker.next)));
    write(journal, seen)
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

/// Whether a step that changes the host for good was started, other than the one at `except`.
fn host_changed(brief: &Brief, journal: &Journal, except: Option<usize>) -> bool {
    changed_steps(brief, journal, except).next().is_some()
}

/// The steps that change the host for good and were started, other than the one at `except`.
pub(super) fn changed_steps(
    brief: &Brief,
    journal: &Journal,
    except: Option<usize>,
) -> impl Iterator<Item = usize> {
    let steps = brief.steps.iter().zip(&journal.steps).enumerate();
    let changed = steps.filter(move |(index, (step, record))| {
        Some(*index) != except && step.action.action().changes_host() && record.state != StepState::Pending
    });
    changed.map(|(index, _)| index)
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
        Some(OpResult::Annotated) => now_held(brief, journal, seen, None, now),
        // The node is held all the same: nobody must take it for repaired because it could not be written on.
        Some(OpResult::NotDone(failure)) if !failure.retryable => {
            let next = format!("what happened could not be written on the node: {}", failure.message);
            let object = format!("node/{}", brief.node.name);
            now_held(brief, journal, seen, Some(Blocker::new(&failure.reason, object, next)), now)
        }
        Some(_) => wait(SOON),
    }
}

fn now_held(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    further: Option<Blocker>,
    now: Time,
) -> Next {
    let mut held = journal.clone();
    held.mode = Mode::Held;
    held.blockers = vec![held_blocker(brief, journal).since(now)];
    held.blockers.extend(further.map(|blocker| blocker.since(now)));
    write(held, seen)
}

/// What a person has to do about a held node.
fn next_step(brief: &Brief, journal: &Journal) -> String {
    let node = &brief.node.name;
    if journal.reason.as_deref() == Some(STOPPED) {
        return format!(
            "goes on by itself when the Hold is lifted: nodemend get holds; nodemend release HOLD. Run {}",
            brief.run
        );
    }
    if journal.reason.as_deref() == Some(UNDO_FAILED) {
        let by_hand = barring::by_hand(brief, journal);
        return format!("{by_hand}. Then release the Holds of this undo: nodemend get holds");
    }
    let was_cordoned = journal.cordon.as_ref().is_some_and(|mark| mark.was_unschedulable);
    let uncordon = if was_cordoned { String::new() } else { format!("`kubectl uncordon {node}` and ") };
    format!(
        "look at the node; when it is well, {uncordon}`kubectl annotate node {node} {CORDON_ANNOTATION}- \
         {MESSAGE_ANNOTATION}- {NEXT_ANNOTATION}-` end this repair, `kubectl delete remediation {}` ends it and leaves \
         the node as it is. Details: nodemend get run {}",
        brief.remediation, brief.run
    )
}

fn held_blocker(brief: &Brief, journal: &Journal) -> Blocker {
    let reason = journal.reason.as_deref().unwrap_or("Held");
    Blocker::new(reason, format!("node/{}", brief.node.name), next_step(brief, journal))
}

/// A held node goes on when the stop that held it is lifted. It is over when a person takes our marks off, or ends
/// the run or deletes the Remediation: then the node is left as it is, cordoned and with its annotations, so that it
/// still counts as unavailable until somebody uncordons it.
pub(super) fn held(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    node: &NodeState,
    now: Time,
) -> Next {
    if !node.told && !node.is_cordoned_by(brief) {
        return ended_by_person(journal, seen, "ended by a person, who took our marks off the node", now);
    }
    let waits_for_stop = journal.reason.as_deref() == Some(STOPPED);
    match &seen.stop {
        None if waits_for_stop => resume(journal, seen, now),
        // Said on the node first: what it says now promises that the repair goes on.
        Some(stop) if stop.abort && waits_for_stop => stopped_on_changed_host(journal, seen, stop),
        Some(stop) if stop.abort => {
            let how = format!("left as it is, by {}", stop.blocker.object);
            ended_by_person(journal, seen, &how, now)
        }
        Some(stop) if waits_for_stop => wait_for(journal, seen, now, LATER, vec![stop.blocker.clone()]),
        _ => wait(LATER),
    }
}

fn ended_by_person(journal: &Journal, seen: &Observation, how: &str, now: Time) -> Next {
    let reason = journal.reason.as_deref().unwrap_or("Held");
    let message = format!("{}; {how}", journal.message.as_deref().unwrap_or_default());
    end(journal, seen, now, Outcome::Failed, reason, &message)
}

/// The stop is lifted. Time limits count from here: the time spent held is nobody's fault.
fn resume(journal: &Journal, seen: &Observation, now: Time) -> Next {
    let mut journal = journal.clone();
    if let Some(index) = journal.current() {
        journal.steps[index].started_at = Some(now);
    }
    journal.mode = Mode::Forward;
    journal.reason = None;
    journal.message = None;
    journal.blockers.clear();
    write(journal, seen)
}
