//! Putting the host back after a failure: in reverse, only what this saga changed, then our cordon is lifted.
//!
//! An undo needs no grant of its own, no window and no room in a rate. A stop keeps one from beginning; one that has begun
//! goes on, for a host that is half put back helps nobody.

use std::collections::BTreeMap;

use super::Brief;
use super::failing::changed_steps;
use super::held::take_over;
use super::journal::{Journal, Mode, Outcome};
use super::next::{LATER, Next, clip, clip_blockers, wait, wait_for, write};
use super::observation::{NodeState, Observation};
use super::step::StepState;
use super::stepping::{MAX_ATTEMPTS, PROGRESS_EVERY, taken_over};
use crate::actions::{Action, DoneStep, Reading, StepContext, Undoing};
use crate::blocker::{Blocker, keep_since};
use crate::ids::intent_id;
use crate::op::{HostJob, Launch, Op, Probe};
use crate::playbook::Undo;
use crate::time::{Span, Time};

/// The reason of a saga whose undo failed: the host is neither as it was nor as it should be.
pub const UNDO_FAILED: &str = "UndoFailed";
/// The reason of a saga that put the host back after a failure.
pub(super) const ROLLED_BACK: &str = "RolledBack";

/// Why the failure of this saga cannot be undone; `None` if it can, as far as anybody knows now.
///
/// The step at `except` has certainly done nothing.
pub(super) fn obstacle(brief: &Brief, journal: &Journal, except: Option<usize>) -> Option<String> {
    changed_steps(brief, journal, except).find_map(|index| {
        let step = &brief.steps[index];
        if step.undo != Some(Undo::Restore) {
            return Some(format!("step {} is not to be undone", step.name));
        }
        match (DoneStep { brief, journal, index }).undoing() {
            Undoing::Hold(why) => Some(format!("step {} cannot be undone: {why}", step.name)),
            Undoing::Nothing | Undoing::Job(_) | Undoing::Restart(_) => None,
        }
    })
}

/// What comes next in an undo.
pub(super) fn undo(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    node: &NodeState,
    now: Time,
) -> Next {
    if let Some(stop) = seen.stop.as_ref().filter(|stop| stop.binds_undo(has_begun(journal))) {
        return wait_for(journal, seen, now, LATER, vec![stop.blocker.clone()]);
    }
    if let Some(how) = taken_over(brief, journal, node) {
        return take_over(journal, seen, now, &how);
    }
    match what_next(brief, journal) {
        Some((index, job)) => {
            let turn = Turn { brief, journal, seen, node, index, job: &job, now };
            if journal.steps[index].state == StepState::UndoStarted { turn.go_on() } else { turn.start() }
        }
        None => rolled_back(journal, seen),
    }
}

fn has_begun(journal: &Journal) -> bool {
    journal.steps.iter().any(|step| step.undo.is_some())
}

/// The step to put back next, and how: the one under way, else the last one that is left, restarts after all others.
fn what_next(brief: &Brief, journal: &Journal) -> Option<(usize, HostJob)> {
    let begun = |index: usize| journal.steps[index].state != StepState::Pending;
    let job = |index: usize| match (DoneStep { brief, journal, index }).undoing() {
        Undoing::Job(job) if begun(index) => Some((index, job, false)),
        Undoing::Restart(job) => Some((index, job, true)),
        Undoing::Job(_) | Undoing::Nothing | Undoing::Hold(_) => None,
    };
    let is_left = |index: &usize| journal.steps[*index].state.may_become(StepState::UndoStarted);
    let left = (0..journal.steps.len()).rev().filter(is_left).filter_map(job);
    let next = match journal.being_undone() {
        Some(index) => job(index),
        None => left.min_by_key(|(_, _, restarts)| *restarts),
    };
    next.map(|(index, job, _)| (index, job))
}

/// Everything is as it was; our cordon is lifted next.
fn rolled_back(journal: &Journal, seen: &Observation) -> Next {
    let undone = journal.steps.iter().filter(|step| step.state == StepState::Undone);
    let undone: Vec<_> = undone.map(|step| step.name.as_str()).collect();
    let what = if undone.is_empty() { "nothing was left to undo".to_owned() } else { undone.join(", ") };
    let mut journal = journal.clone();
    let failed = journal.message.take().unwrap_or_default();
    journal.reason = Some(ROLLED_BACK.into());
    journal.message = Some(clip(&format!("rolled back ({what}): {failed}")));
    journal.outcome = Some(Outcome::Failed);
    journal.mode = Mode::Restoring;
    journal.blockers.clear();
    write(journal, seen)
}

/// One look at the undo of one step.
struct Turn<'a> {
    brief: &'a Brief,
    journal: &'a Journal,
    seen: &'a Observation,
    node: &'a NodeState,
    index: usize,
    job: &'a HostJob,
    now: Time,
}

impl Turn<'_> {
    /// Writes the intent of the undo; its job is sent only after that.
    fn start(&self) -> Next {
        let mut journal = self.journal.clone();
        let record = &mut journal.steps[self.index];
        // No step's name has a colon, so that no intent of a step is one of an undo.
        let attempt = record.undo_attempts() + 1;
        let intent = intent_id(&self.brief.uid, &format!("undo:{}", record.name), attempt);
        if record.start_undo(intent, self.now).is_err() {
            return wait(LATER);
        }
        journal.blockers.clear();
        write(journal, self.seen)
    }

    fn go_on(&self) -> Next {
        let Some(context) = self.context() else {
            return self.failed("JournalIncomplete", "an undo that was started has no intent");
        };
        if self.seen.result.is_none() {
            return Next::Do(self.operation(&context));
        }
        match self.action().read_undo(&context, self.job, self.seen.result.as_ref()) {
            Reading::Done(observed) => self.done(observed),
            Reading::Again { after, note, blockers } => self.again(after, &note, blockers),
            Reading::Failed(failure) => self.failed(&failure.reason, &failure.message),
            Reading::Voided if self.journal.steps[self.index].undo_attempts() >= MAX_ATTEMPTS => self.failed(
                "JobNeverStarted",
                &format!("the host did not start it under {MAX_ATTEMPTS} intents"),
            ),
            Reading::Voided => self.start(),
            Reading::Cleared(message) => self.failed("UnexpectedAnswer", &message),
        }
    }

    /// A job that this process has not sent yet is sent; otherwise somebody may have sent it, so look first.
    fn operation(&self, context: &StepContext<'_>) -> Op {
        let (intent, epoch) = (context.intent.clone(), context.epoch);
        if context.first {
            return Op::Launch(Launch { intent, epoch, job: self.job.clone() });
        }
        Op::Probe(Probe { intent, epoch, void_unstarted: true })
    }

    fn action(&self) -> &dyn Action {
        self.brief.steps[self.index].action.action()
    }

    fn context(&self) -> Option<StepContext<'_>> {
        let undo = self.journal.steps[self.index].undo.as_ref()?;
        Some(StepContext {
            brief: self.brief,
            journal: self.journal,
            node: self.node,
            intent: &undo.intent,
            epoch: self.seen.epoch,
            first: self.seen.fresh.as_ref() == Some(&undo.intent),
            started_at: undo.started_at,
            now: self.now,
        })
    }

    fn done(&self, observed: BTreeMap<String, String>) -> Next {
        let mut journal = self.journal.clone();
        let record = &mut journal.steps[self.index];
        if record.become_state(StepState::Undone, self.now).is_err() {
            return wait(LATER);
        }
        if let Some(undo) = &mut record.undo {
            undo.message = None;
            undo.observed = observed.into_iter().map(|(key, value)| (key, clip(&value))).collect();
        }
        journal.blockers.clear();
        write(journal, self.seen)
    }

    /// Not there yet. What it is doing is written at most every 15 s, and what is in its way when that changes.
    fn again(&self, after: Span, note: &str, blockers: Vec<Blocker>) -> Next {
        let Some(undo) = &self.journal.steps[self.index].undo else { return wait(LATER) };
        let (limit, waited) = (self.brief.steps[self.index].time_limit(), self.now.since(undo.started_at));
        if waited > limit {
            return self.failed("UndoTimedOut", &format!("not done within {limit}: {note}"));
        }
        let blockers = clip_blockers(keep_since(&self.journal.blockers, blockers, self.now));
        let due = undo.noted_at.is_none_or(|at| self.now.since(at) >= PROGRESS_EVERY);
        if !due || undo.message.as_deref() == Some(note) {
            return wait_for(self.journal, self.seen, self.now, after, blockers);
        }
        let mut noted = self.journal.clone();
        noted.epoch = self.seen.epoch;
        noted.blockers = blockers;
        if let Some(undo) = &mut noted.steps[self.index].undo {
            (undo.message, undo.noted_at) = (Some(clip(note)), Some(self.now));
        }
        Next::Wait { after, note: Some(Box::new(noted)) }
    }

    /// The host is neither as it was nor as it should be: a person has to look, and nothing of the kind starts meanwhile.
    fn failed(&self, reason: &str, message: &str) -> Next {
        let mut journal = self.journal.clone();
        let record = &mut journal.steps[self.index];
        if record.become_state(StepState::UndoFailed, self.now).is_err() {
            return wait(LATER);
        }
        if let Some(undo) = &mut record.undo {
            undo.message = Some(clip(message));
        }
        let because = journal.message.take().unwrap_or_default();
        let told = format!(
            "undo of step {} failed: {reason}: {message}; it had to be undone for: {because}",
            record.name
        );
        journal.reason = Some(UNDO_FAILED.into());
        journal.message = Some(clip(&told));
        journal.mode = Mode::Holding;
        journal.blockers.clear();
        write(journal, self.seen)
    }
}
