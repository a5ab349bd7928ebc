//! When it does not go on: failures, stops, and lifting our cordon again.

use super::held::STOPPED;
use super::journal::{Journal, Mode, Outcome};
use super::next::{LATER, Next, SOON, clip, finish, wait, wait_for, write};
use super::observation::{Observation, Stop};
use super::step::StepState;
use super::{Brief, undoing};
use crate::actions::{Effect, Failure, is_not_ours};
use crate::blocker::Blocker;
use crate::op::{Op, OpResult};
use crate::playbook::Phase;
use crate::time::Time;

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
pub(super) fn undo_or_hold(
    brief: &Brief,
    journal: &mut Journal,
    failed: usize,
    without_effect: Option<usize>,
) {
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
pub(super) fn stopped_on_changed_host(journal: &Journal, seen: &Observation, stop: &Stop) -> Next {
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
pub(super) fn host_changed(brief: &Brief, journal: &Journal, except: Option<usize>) -> bool {
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

pub(super) fn restore_or_finish(journal: &mut Journal, now: Time) {
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
