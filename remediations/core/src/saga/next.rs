//! `next`: what one node's repair does now, from what is written down and what is seen. Pure.

use super::journal::{Journal, Mode, Outcome, Prior};
use super::observation::{NodeObservation, NodeState, Observation};
use super::{Brief, failing, held, stepping, undoing};
use crate::actions::FENCED;
use crate::blocker::{Blocker, keep_since};
use crate::op::{Op, OpResult};
use crate::time::{Span, Time};

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Write this journal, then ask again.
    Write(Box<Journal>),
    /// Perform this operation, then ask again with its result.
    Do(Op),
    /// Nothing for a while.
    Wait {
        /// Ask again after this long, or when something changes.
        after: Span,
        /// A journal to write first: new blockers, or progress that is due to be shown.
        note: Option<Box<Journal>>,
    },
    /// It is over: the grant can be given back.
    Finish,
}

/// How long to wait when something could not be read.
pub(super) const SOON: Span = Span::seconds(2);
/// How long to wait for something that only a person, or another object, changes.
pub(super) const LATER: Span = Span::seconds(10);

/// What one node's repair does next.
///
/// The rules, in order: a later epoch's journal is left alone; a node that is gone or another machine ends the
/// saga; a host that obeys a later epoch is left alone; a stop lets what was launched end and starts nothing, but
/// for an undo that has begun; then the current step goes on.
pub fn next(brief: &Brief, journal: &Journal, seen: &Observation, now: Time) -> Next {
    if journal.is_finished() {
        return Next::Finish;
    }
    if journal.epoch > seen.epoch {
        return wait(LATER);
    }
    let node = match &seen.node {
        NodeObservation::Unknown => return wait(SOON),
        NodeObservation::Absent => {
            return end(journal, seen, now, Outcome::Skipped, "NodeGone", "the node object is gone");
        }
        NodeObservation::Live(node) if node.uid != brief.node.uid => {
            let message =
                format!("the node is another machine now (UID {}, planned was {})", node.uid, brief.node.uid);
            return end(journal, seen, now, Outcome::Replaced, "NodeReplaced", &message);
        }
        NodeObservation::Live(node) => node,
    };
    if journal.steps.is_empty() {
        return begin(brief, journal, seen, node, now);
    }
    if let Some(fenced) = fenced(brief, seen) {
        return wait_for(journal, seen, now, LATER, vec![fenced]);
    }
    match journal.mode {
        Mode::Forward => stepping::forward(brief, journal, seen, node, now),
        Mode::Undoing => undoing::undo(brief, journal, seen, node, now),
        Mode::Restoring => failing::restore(journal, seen, now),
        Mode::Holding => held::hold(brief, journal, seen, now),
        Mode::Held => held::held(brief, journal, seen, node, now),
        Mode::Finished => Next::Finish,
    }
}

/// The host obeys a later controller. That is no failure of the step: the other one goes on with it.
fn fenced(brief: &Brief, seen: &Observation) -> Option<Blocker> {
    match &seen.result {
        Some(OpResult::NotDone(failure) | OpResult::Unknown(failure)) if failure.reason == FENCED => {
            Some(Blocker::new(FENCED, format!("node/{}", brief.node.name), failure.message.clone()))
        }
        _ => None,
    }
}

/// Takes down what the node is like before anything is done to it.
fn begin(brief: &Brief, journal: &Journal, seen: &Observation, node: &NodeState, now: Time) -> Next {
    if let Some(stop) = &seen.stop {
        if stop.abort {
            return end(journal, seen, now, Outcome::Skipped, "Aborted", &stop.blocker.next);
        }
        return wait_for(journal, seen, now, LATER, vec![stop.blocker.clone()]);
    }
    let mut started = Journal::new(&brief.steps, seen.epoch, now);
    started.prior = Some(Prior { boot_id: node.boot_id.clone(), unschedulable: node.unschedulable });
    Next::Write(Box::new(started))
}

/// Ends the saga.
pub(super) fn end(
    journal: &Journal,
    seen: &Observation,
    now: Time,
    outcome: Outcome,
    reason: &str,
    message: &str,
) -> Next {
    let mut journal = journal.clone();
    journal.reason = Some(reason.to_owned());
    journal.message = Some(clip(message));
    finish(&mut journal, outcome, now);
    write(journal, seen)
}

/// Marks a journal as over.
pub(super) fn finish(journal: &mut Journal, outcome: Outcome, now: Time) {
    journal.mode = Mode::Finished;
    journal.outcome = Some(outcome);
    journal.finished_at = Some(now);
    journal.blockers.clear();
}

/// Every write carries the writer's own epoch, never one that it read.
pub(super) fn write(mut journal: Journal, seen: &Observation) -> Next {
    journal.epoch = seen.epoch;
    Next::Write(Box::new(journal))
}

pub(super) const fn wait(after: Span) -> Next {
    Next::Wait { after, note: None }
}

/// Waits, and has the blockers written if they are not the ones that are written already.
pub(super) fn wait_for(
    journal: &Journal,
    seen: &Observation,
    now: Time,
    after: Span,
    blockers: Vec<Blocker>,
) -> Next {
    let blockers = clip_blockers(keep_since(&journal.blockers, blockers, now));
    if blockers == journal.blockers {
        return wait(after);
    }
    let mut noted = journal.clone();
    noted.blockers = blockers;
    noted.epoch = seen.epoch;
    Next::Wait { after, note: Some(Box::new(noted)) }
}

/// At most eight blockers, so that a status stays small.
pub(super) fn clip_blockers(mut blockers: Vec<Blocker>) -> Vec<Blocker> {
    blockers.truncate(8);
    for blocker in &mut blockers {
        blocker.next = clip(&blocker.next);
        blocker.object = blocker.object.chars().take(320).collect();
    }
    blockers
}

/// A text that fits a status.
pub(super) fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(1000).collect()
}
