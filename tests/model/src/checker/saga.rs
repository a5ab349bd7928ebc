//! One look of a controller at one saga: asks the shipped `saga::next`, then writes the journal or sends the operation.

use std::sync::Arc;

use nodemend_core::blocker::Blocker;
use nodemend_core::decide::{Subject, hold_on, is_remembered, is_stopped, may_begin, too_late};
use nodemend_core::ids::{Epoch, IntentId};
use nodemend_core::op::{Op, OpResult};
use nodemend_core::saga::{Brief, Journal, Next, Observation, Stop, awaits_clearance, next};
use nodemend_core::snapshot::{Remediation, Snapshot, is_granted};
use nodemend_core::time::Time;

use super::bug::Bug;
use super::host::failure;
use super::setting::{LATE, NOW};
use super::state::{Key, Late, Seen, Sent, Slot, State, current_intent};
use super::stored::{Stored, settled};
use super::{judge, operate};

/// What becomes of the write or the operation that a look leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Luck {
    /// It is done and answered.
    Fine,
    /// It is done, and the answer is lost.
    Unheard,
    /// It is not done, and the controller knows that.
    NotSent,
    /// It is done later, if ever.
    Late,
    /// The step's time is up.
    TimeIsUp,
}

/// One look.
struct Look<'a> {
    brief: &'a Brief,
    epoch: Epoch,
    bug: Bug,
    luck: Luck,
    row: Remediation,
    seen: Seen,
    begins: bool,
}

/// A process looks at a saga. `None` if there is nothing to do, or `luck` has nothing to act on.
pub fn look(state: &mut State, brief: &Brief, epoch: Epoch, luck: Luck, bug: Bug) -> Option<()> {
    let known = state.known(epoch)?;
    if bug != Bug::OneGrantIsEnough && is_inert(&known.snapshot, &brief.remediation) {
        return None;
    }
    let row = state.stored.snapshot.remediations.get(&brief.remediation)?.clone();
    if row.is_finished() {
        return (luck == Luck::Fine).then(|| finish(state, &known, &row, bug)).flatten();
    }
    let stored = state.stored.clone();
    // A process that takes the epoch that it reads for its own.
    let works_under = match (bug, &stored.snapshot.guard) {
        (Bug::EpochFromRead, Some(guard)) => guard.epoch,
        _ => epoch,
    };
    let known_stop = stop(&known.snapshot, &row, works_under, bug);
    let inert = known_stop.as_ref().is_some_and(|stop| !stop.abort && stop.blocker.reason == "NotGranted");
    if row.journal.is_none() && inert {
        return None;
    }
    let journal = row.journal.clone().unwrap_or_default();
    let now = if luck == Luck::TimeIsUp { LATE } else { NOW };
    let mut observed = observe(state, brief, epoch, &journal, known_stop);
    observed.epoch = works_under;
    if observed.stop.is_none() && awaits_clearance(brief, &journal) {
        observed.clearance = Some(clearance(&known.snapshot, brief));
    }
    let mut next_step = next(brief, &journal, &observed, now);
    let begins = row.journal.is_none() && matches!(next_step, Next::Write(_));
    if (begins || matches!(&next_step, Next::Do(op) if op.is_effect())) && bug != Bug::NoLiveRecheck {
        observed.stop = self::stop(&stored.snapshot, &row, works_under, bug);
        next_step = next(brief, &journal, &observed, now);
    }
    let seen = judge::seen(&stored, &row, epoch);
    Look { brief, epoch, bug, luck, row, seen, begins }.carry_out(state, next_step, &observed, now)
}

impl Look<'_> {
    fn carry_out(&self, state: &mut State, step: Next, observed: &Observation, now: Time) -> Option<()> {
        match step {
            Next::Write(journal) => self.write(state, *journal, observed, now),
            Next::Wait { note, .. } => {
                // Progress that only people read is not written.
                let note = note.map(|note| settled(*note)).filter(|note| self.says_more(note));
                match note {
                    Some(note) => self.write(state, note, observed, now),
                    // The answer is taken: the next look asks again.
                    None => (self.luck == Luck::Fine && observed.result.is_some()).then_some(()),
                }
            }
            Next::Do(op) => self.send(state, &op),
            Next::Finish => None,
        }
    }

    fn says_more(&self, note: &Journal) -> bool {
        self.row.journal.as_ref().is_some_and(|old| Journal { epoch: old.epoch, ..note.clone() } != *old)
    }

    fn write(&self, state: &mut State, journal: Journal, observed: &Observation, now: Time) -> Option<()> {
        let (old, journal) = (self.row.journal.clone(), settled(journal));
        let before = old.as_ref().and_then(current_intent);
        let fresh = current_intent(&journal).filter(|intent| before.as_ref() != Some(intent));
        if self.bug == Bug::EffectBeforeIntent && fresh.is_some() {
            self.send_before(state, &journal, fresh.clone(), observed, now);
        }
        match self.luck {
            Luck::NotSent => return None,
            Luck::Late => {
                let late = Late::Journal(self.brief.remediation.clone(), Box::new((old, journal)));
                state.wire.insert(late);
                return Some(());
            }
            Luck::Fine | Luck::Unheard | Luck::TimeIsUp => {}
        }
        let seen = self.begins.then_some(self.seen);
        let written = commit(state, &self.row.name, old.as_ref(), journal, seen, self.bug);
        if written && self.luck != Luck::Unheard && fresh.is_some() {
            self.slot(state)?.fresh = fresh;
        }
        Some(())
    }

    /// Sends what the journal leads to that is not stored yet.
    fn send_before(
        &self,
        state: &mut State,
        journal: &Journal,
        fresh: Option<IntentId>,
        observed: &Observation,
        now: Time,
    ) {
        let observed = Observation { fresh, result: None, ..observed.clone() };
        if let Next::Do(op @ Op::Launch(_)) = next(self.brief, journal, &observed, now) {
            operate::perform(state, self.brief, &self.sent(state, op), self.bug);
        }
    }

    fn sent(&self, state: &State, op: Op) -> Sent {
        let version = state.stored.marks.get(&self.brief.node.name).map_or(0, |marks| marks.version);
        Sent { remediation: self.row.name.clone(), op, version, seen: self.seen }
    }

    fn send(&self, state: &mut State, op: &Op) -> Option<()> {
        let journal = self.row.journal.clone().unwrap_or_default();
        let key = Key::of(&journal);
        let first = self.slot(state)?.fresh.take().filter(|fresh| key.1.as_ref() == Some(fresh));
        let sent = self.sent(state, op.clone());
        let result = match self.luck {
            Luck::NotSent => OpResult::NotDone(failure("ConnectionRefused", true)),
            Luck::Fine | Luck::TimeIsUp => operate::perform(state, self.brief, &sent, self.bug),
            Luck::Unheard => {
                operate::cut_off(state, self.brief, &sent, self.bug);
                unheard(op)
            }
            // A cordon that arrives late is beyond what is checked: SAFETY.md says why.
            Luck::Late if op.is_effect() && !matches!(op, Op::Cordon(_)) => {
                state.wire.insert(Late::Op(Box::new(sent)));
                unheard(op)
            }
            Luck::Late => return None,
        };
        let result = match (result, op) {
            (OpResult::Unknown(_), Op::Launch(_)) if self.bug == Bug::UnknownIsNotStarted => {
                OpResult::Job(nodemend_core::op::JobState::NotStarted { voided: true })
            }
            (result, _) => result,
        };
        let slot = self.slot(state)?;
        // What was certainly not done is still to be done, under the same intent.
        if matches!(result, OpResult::NotDone(_)) {
            slot.fresh.clone_from(&first);
        }
        slot.answer = Some((key, result, first));
        Some(())
    }

    fn slot<'a>(&self, state: &'a mut State) -> Option<&'a mut Slot> {
        Some(state.process_mut(self.epoch)?.slots.entry(self.row.name.clone()).or_default())
    }
}

/// What the sender is told when the answer does not come.
fn unheard(op: &Op) -> OpResult {
    let timed_out = failure("TimedOut", true);
    if op.is_effect() { OpResult::Unknown(timed_out) } else { OpResult::NotDone(timed_out) }
}

/// Writes a journal on the one that it was decided on. Whether it was written.
pub fn commit(
    state: &mut State,
    name: &str,
    old: Option<&Journal>,
    journal: Journal,
    seen: Option<Seen>,
    bug: Bug,
) -> bool {
    let Some(row) = state.stored.snapshot.remediations.get(name).cloned() else { return false };
    let epoch = row.journal.as_ref().map_or(0, |stored| stored.epoch);
    if bug != Bug::JournalOverwritten && (row.journal.as_ref() != old || journal.epoch < epoch) {
        return false;
    }
    judge::journal(state, &row, row.journal.as_ref(), &journal, seen);
    if let Some(row) = state.store().snapshot.remediations.get_mut(name) {
        row.journal = Some(journal);
    }
    true
}

/// Whether the watches know it as one that has not begun and lacks its grants.
fn is_inert(known: &Snapshot, name: &str) -> bool {
    known.remediations.get(name).is_some_and(|row| {
        row.journal.is_none()
            && !row.deleting
            && known.runs.get(&row.run).is_some_and(|run| is_stopped(run).is_none())
            && !is_granted(known, name, &row.pool)
    })
}

fn observe(
    state: &mut State,
    brief: &Brief,
    epoch: Epoch,
    journal: &Journal,
    stop: Option<Stop>,
) -> Observation {
    let node = state.stored.observe(&brief.node.name);
    let slot = state.process_mut(epoch).and_then(|process| process.slots.get_mut(&brief.remediation));
    let (fresh, result) = slot.map_or((None, None), |slot| take(slot, &Key::of(journal)));
    Observation { epoch, node, stop, clearance: None, fresh, result }
}

/// Takes the answer that belongs to where the journal is, if there is one.
fn take(slot: &mut Slot, key: &Key) -> (Option<IntentId>, Option<OpResult>) {
    let fresh = slot.fresh.clone().filter(|fresh| key.1.as_ref() == Some(fresh));
    match slot.answer.take() {
        Some((of, result, first)) if of == *key => (first, Some(result)),
        _ => (fresh, None),
    }
}

fn clearance(known: &Snapshot, brief: &Brief) -> Vec<Blocker> {
    let run = known.runs.get(&brief.run).filter(|run| run.uid == brief.run_uid);
    run.map_or_else(
        || vec![Blocker::new("RunGone", &brief.run, "")],
        |run| may_begin(known, run, &brief.node, NOW),
    )
}

/// What stops the saga of a process with this epoch.
fn stop(known: &Snapshot, row: &Remediation, epoch: Epoch, bug: Bug) -> Option<Stop> {
    let wait = |blocker| Some(Stop { blocker, abort: false });
    let abort = |blocker| Some(Stop { blocker, abort: true });
    let name = || format!("remediation/{}", row.name);
    if known.guard.as_ref().map(|guard| guard.epoch) != Some(epoch) {
        return wait(Blocker::new("EpochNotOurs", "repairguard/cluster", ""));
    }
    if row.deleting {
        return abort(Blocker::new("Deleted", name(), ""));
    }
    let Some(run) = known.runs.get(&row.run).filter(|run| run.uid == row.run_uid) else {
        return abort(Blocker::new("RunGone", name(), ""));
    };
    if let Some(blocker) = is_stopped(run) {
        return abort(blocker);
    }
    if let Some(blocker) = too_late(run).filter(|_| row.journal.is_none()) {
        return abort(blocker);
    }
    let subject = Subject::named(run, &row.node);
    if let Some(blocker) = hold_on(known.holds.values(), &subject.under_way(), NOW) {
        return wait(blocker);
    }
    let of_guard = known.guard.iter().flat_map(|guard| &guard.grants);
    let granted = match bug {
        Bug::OneGrantIsEnough => of_guard.into_iter().any(|grant| grant.remediation == row.name),
        _ => is_granted(known, &row.name, &row.pool),
    };
    if granted { None } else { wait(Blocker::new("NotGranted", name(), "")) }
}

/// The end is written: once the run remembers it, the finalizer goes.
fn finish(state: &mut State, known: &Arc<Stored>, row: &Remediation, bug: Bug) -> Option<()> {
    let remembered = bug == Bug::ForgottenAtOnce || is_remembered(&known.snapshot, row);
    if state.stored.ended.contains(&row.name) || !remembered {
        return None;
    }
    let stored = state.store();
    if row.deleting {
        stored.snapshot.remediations.remove(&row.name);
    } else {
        stored.ended.insert(row.name.clone());
    }
    for process in &mut state.processes {
        process.slots.remove(&row.name);
    }
    Some(())
}
