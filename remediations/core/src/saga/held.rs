//! Holding a node for a person: what is written on it, and what lets it go on or ends it.

use super::failing::stopped_on_changed_host;
use super::journal::{Journal, Mode, Outcome};
use super::next::{LATER, Next, SOON, clip, end, wait, wait_for, write};
use super::observation::{NodeState, Observation};
use super::undoing::UNDO_FAILED;
use super::{Brief, barring, resolving};
use crate::blocker::Blocker;
use crate::cordon::{CORDON_ANNOTATION, MESSAGE_ANNOTATION, NEXT_ANNOTATION};
use crate::op::{Annotate, Op, OpResult};
use crate::time::Time;

/// The reason of a saga that waits, held, for a stop to be lifted.
pub(crate) const STOPPED: &str = "Stopped";

/// Somebody else works on the node: hands off, and say so.
pub(super) fn take_over(journal: &Journal, seen: &Observation, _now: Time, how: &str) -> Next {
    let mut journal = journal.clone();
    journal.mode = Mode::Holding;
    journal.reason = Some("HumanTakeover".into());
    journal.message = Some(clip(how));
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
    // What was said before it was held was not said about this.
    held.operations = seen.resolutions.iter().map(|operation| operation.id.clone()).collect();
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
    if let Some(step) = resolving::resolvable(journal) {
        return format!(
            "find out what became of step {step}, then `nodemend resolve {} --node {node} --step {step} \
             --as succeeded|failed --reason TEXT`: it goes on as if it had seen that itself",
            brief.run
        );
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
    if let Some(resolved) = resolving::resolve(brief, journal, seen, node, now) {
        return resolved;
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
