//! Going forward: starting steps, reading their answers, and noticing that somebody else has taken over.

use super::Brief;
use super::clearing::{awaits_clearance, not_clear};
use super::failing::{fail, stopped};
use super::held::take_over;
use super::journal::{Journal, Mode, Outcome};
use super::next::{Next, clip, clip_blockers, end, wait_for, write};
use super::observation::{NodeState, Observation};
use super::step::StepState;
use crate::actions::{Action, Do, Effect, Failure, Reading, Repeat, StepContext};
use crate::blocker::{Blocker, keep_since};
use crate::ids::intent_id;
use crate::playbook::Phase;
use crate::time::{Span, Time};

/// Progress of a step that goes on is written at most this often.
pub(super) const PROGRESS_EVERY: Span = Span::seconds(15);
/// How many intents of one step may be voided before it counts as failed: far more than restarts of the controller
/// in the moment between an intent and its effect, and an end for a host that starts nothing.
pub(super) const MAX_ATTEMPTS: u32 = 10;

pub(super) fn forward(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    node: &NodeState,
    now: Time,
) -> Next {
    let Some(index) = journal.current() else {
        return repaired(brief, journal, seen, now);
    };
    if let Some(how) = taken_over(brief, journal, node) {
        return take_over(journal, seen, now, &how);
    }
    let current = Current { brief, journal, seen, node, index, now };
    match journal.steps[index].state {
        StepState::Pending => match &seen.stop {
            Some(stop) => stopped(brief, journal, seen, stop, now),
            None if awaits_clearance(brief, journal)
                && let Some(waits) = not_clear(brief, journal, seen, now) =>
            {
                waits
            }
            None => start(brief, journal.clone(), index, seen, node, now),
        },
        _ => current.go_on(),
    }
}

/// One look at the step that is under way.
#[derive(Clone, Copy)]
struct Current<'a> {
    brief: &'a Brief,
    journal: &'a Journal,
    seen: &'a Observation,
    node: &'a NodeState,
    index: usize,
    now: Time,
}

impl Current<'_> {
    fn go_on(self) -> Next {
        let action = self.brief.steps[self.index].action.action();
        // What may be done again is not done any more under a stop; what was launched is awaited, and a release that
        // has begun ends: what is proven serves again.
        if action.repeat() == Repeat::Convergent
            && self.brief.steps[self.index].phase != Phase::Release
            && let Some(stop) = &self.seen.stop
        {
            return stopped(self.brief, self.journal, self.seen, stop, self.now);
        }
        let Some(context) = self.context() else {
            let failure = Failure {
                reason: "JournalIncomplete".into(),
                message: "a started step has no intent".into(),
                effect: Effect::Unknown,
            };
            return fail(self.brief, self.journal, self.seen, self.index, &failure, self.now);
        };
        if self.seen.result.is_none()
            && let Some(op) = self.operation(action, &context)
        {
            return Next::Do(op);
        }
        self.conclude(action.read(&context, self.seen.result.as_ref()))
    }

    /// An effect that this process has not sent yet is sent; otherwise somebody may have sent it, so look first.
    fn operation(&self, action: &dyn Action, context: &StepContext<'_>) -> Option<crate::op::Op> {
        if context.first && self.seen.stop.is_none() { action.op(context) } else { action.probe(context) }
    }

    fn context(&self) -> Option<StepContext<'_>> {
        let record = &self.journal.steps[self.index];
        let intent = record.intent.as_ref()?;
        Some(StepContext {
            brief: self.brief,
            journal: self.journal,
            node: self.node,
            intent,
            epoch: self.seen.epoch,
            first: self.seen.fresh.as_ref() == Some(intent),
            started_at: record.started_at?,
            now: self.now,
        })
    }

    fn conclude(self, reading: Reading) -> Next {
        match reading {
            Reading::Done(observed) => self.succeed(observed),
            Reading::Cleared(message) => {
                end(self.journal, self.seen, self.now, Outcome::Cleared, "FindingCleared", &message)
            }
            Reading::Again { after, note, blockers } => self.again(after, &note, blockers),
            Reading::Failed(failure) => {
                fail(self.brief, self.journal, self.seen, self.index, &failure, self.now)
            }
            Reading::Voided if self.journal.steps[self.index].attempt >= MAX_ATTEMPTS => {
                let message = format!("the host did not start the job under {MAX_ATTEMPTS} intents");
                let failure = Failure { reason: "JobNeverStarted".into(), message, effect: Effect::Nothing };
                fail(self.brief, self.journal, self.seen, self.index, &failure, self.now)
            }
            Reading::Voided => self.voided(),
        }
    }

    /// The job never started and never will: under a stop the step is as if it had not been tried.
    fn voided(self) -> Next {
        let mut journal = self.journal.clone();
        let Some(stop) = &self.seen.stop else {
            return start(self.brief, journal, self.index, self.seen, self.node, self.now);
        };
        if journal.steps[self.index].become_state(StepState::Pending, self.now).is_err() {
            return super::next::wait(super::next::LATER);
        }
        stopped(self.brief, &journal, self.seen, stop, self.now)
    }

    /// The outcome of this step and the start of the next share one write.
    fn succeed(self, observed: std::collections::BTreeMap<String, String>) -> Next {
        let mut journal = self.journal.clone();
        let record = &mut journal.steps[self.index];
        if record.become_state(StepState::Succeeded, self.now).is_err() {
            return super::next::wait(super::next::LATER);
        }
        record.message = None;
        record.observed = observed.into_iter().map(|(key, value)| (key, clip(&value))).collect();
        journal.blockers.clear();
        self.take_down_cordon(&mut journal);
        let next = self.index + 1;
        let goes_on = self.seen.stop.is_none() && !awaits_clearance(self.brief, &journal);
        if next < journal.steps.len() && goes_on {
            return start(self.brief, journal, next, self.seen, self.node, self.now);
        }
        write(journal, self.seen)
    }

    /// The journal's cordon follows what the step found: how the node was before, or that the cordon is gone.
    fn take_down_cordon(&self, journal: &mut Journal) {
        match (&self.brief.steps[self.index].action, &self.seen.result) {
            (Do::Cordon(_), Some(crate::op::OpResult::Cordoned(mark))) => journal.cordon = Some(mark.clone()),
            (Do::Uncordon(_), _) => journal.cordon = None,
            _ => {}
        }
    }

    fn again(self, after: Span, note: &str, blockers: Vec<Blocker>) -> Next {
        let record = &self.journal.steps[self.index];
        let limit = self.brief.steps[self.index].time_limit();
        let waited = record.started_at.map_or(Span(0), |start| self.now.since(start));
        if waited > limit {
            return self.timed_out(limit, note, &blockers);
        }
        let blockers = clip_blockers(keep_since(&self.journal.blockers, blockers, self.now));
        let due = record.noted_at.is_none_or(|at| self.now.since(at) >= PROGRESS_EVERY);
        if blockers == self.journal.blockers && (!due || record.message.as_deref() == Some(note)) {
            return wait_for(self.journal, self.seen, self.now, after, blockers);
        }
        let mut noted = self.journal.clone();
        noted.epoch = self.seen.epoch;
        noted.blockers = blockers;
        noted.steps[self.index].message = Some(clip(note));
        noted.steps[self.index].noted_at = Some(self.now);
        Next::Wait { after, note: Some(Box::new(noted)) }
    }

    /// Out of time. What the step was waiting for is named, so that nobody has to guess.
    fn timed_out(self, limit: Span, note: &str, blockers: &[Blocker]) -> Next {
        let action = self.brief.steps[self.index].action.action();
        let waiting: String =
            blockers.iter().map(|b| format!("; {} {}: {}", b.reason, b.object, b.next)).collect();
        let reason = blockers.first().map_or("StepTimedOut", |b| b.reason.as_str());
        let failure = Failure {
            reason: reason.to_owned(),
            message: format!("not done within {limit}: {note}{waiting}"),
            effect: if goes_on(action) { Effect::Unknown } else { Effect::Nothing },
        };
        fail(self.brief, self.journal, self.seen, self.index, &failure, self.now)
    }
}

/// Whether what was launched on the host may go on to disturb the node when nobody waits for it any more.
fn goes_on(action: &dyn Action) -> bool {
    action.repeat() == Repeat::AtMostOnce && action.disruptive()
}

/// Writes the intent of a step; its effect is sent only after that.
fn start(
    brief: &Brief,
    mut journal: Journal,
    index: usize,
    seen: &Observation,
    node: &NodeState,
    now: Time,
) -> Next {
    let record = &mut journal.steps[index];
    if record.become_state(StepState::Started, now).is_err() {
        return super::next::wait(super::next::LATER);
    }
    record.attempt += 1;
    record.intent = Some(intent_id(&brief.uid, &record.name, record.attempt));
    record.message = None;
    record.noted_at = None;
    journal.blockers.clear();
    if matches!(brief.steps[index].action, Do::Cordon(_)) {
        // Taken down before the effect: a restart in between must know that there may be a cordon to lift.
        journal.cordon = Some(brief.mark(node, now));
    }
    write(journal, seen)
}

/// Every step is done. Marks of ours that no step has taken off the node go first.
fn repaired(brief: &Brief, journal: &Journal, seen: &Observation, now: Time) -> Next {
    if journal.cordon.is_none() {
        return end(journal, seen, now, Outcome::Repaired, "Verified", proof(brief));
    }
    let mut journal = journal.clone();
    (journal.reason, journal.message) = (Some("Verified".to_owned()), Some(proof(brief).to_owned()));
    (journal.mode, journal.outcome) = (Mode::Restoring, Some(Outcome::Repaired));
    write(journal, seen)
}

/// What the end of all steps proves: a node that a person named without a finding had no check to pass again.
fn proof(brief: &Brief) -> &'static str {
    if brief.checks().is_empty() {
        "done as asked; nobody had found a fault that a check could prove repaired"
    } else {
        "repaired, and proven by the check that found the fault"
    }
}

/// Whether a person has taken the node over: lifted our cordon, or restarted the machine before we did.
pub(super) fn taken_over(brief: &Brief, journal: &Journal, node: &NodeState) -> Option<String> {
    let any = |wanted: fn(&Do) -> bool, state: fn(StepState) -> bool| {
        let mut steps = brief.steps.iter().zip(&journal.steps);
        steps.any(|(step, record)| wanted(&step.action) && state(record.state))
    };
    let started = |state: StepState| state != StepState::Pending;
    let cordoned = any(|action| matches!(action, Do::Cordon(_)), |state| state == StepState::Succeeded);
    if !cordoned || any(|action| matches!(action, Do::Uncordon(_)), started) {
        return None;
    }
    if !node.unschedulable || !node.is_cordoned_by(brief) {
        return Some("our cordon was lifted by somebody else".to_owned());
    }
    // What `confirm` read on the host counts too: the kubelet may have reported it late, and a restart while the
    // saga waited at its start is nobody's takeover.
    let known = [journal.prior.as_ref().map(|prior| prior.boot_id.as_str()), journal.observed("bootId")];
    let restarted = any(|action| matches!(action, Do::Reboot(_)), started);
    let foreign = !restarted && !known.contains(&Some(node.boot_id.as_str()));
    foreign.then(|| format!("the machine was restarted by somebody else (boot {})", node.boot_id))
}
