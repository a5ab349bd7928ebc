//! How one node's repair is doing, in a few words: the same words wherever it is shown.

use nodemend_core::blocker::Blocker;
use nodemend_core::saga::{Journal, Mode, Outcome, StepRecord, StepState};
use nodemend_core::snapshot::{Mark, Remediation};
use nodemend_core::time::Time;

use super::output::{Tone, age};

/// Where one node's repair is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// The outcome, or what is going on.
    pub(super) state: String,
    /// How good that is.
    pub(super) tone: Tone,
    /// The step that is being done, or that it ended at.
    pub(super) step: String,
    /// When that step was started; once it is over, when all of it ended.
    pub(super) since: Option<Time>,
    /// When the whole repair began, and ended.
    pub(super) lasted: Option<(Time, Time)>,
    /// What is said about it.
    pub(super) message: String,
}

/// Where the repair of a planned node is; the run remembers what became of one whose Remediation was deleted.
pub(super) fn planned(remediation: Option<&Remediation>, mark: Mark) -> Progress {
    let (state, tone) = match (remediation, mark) {
        (Some(_), _) | (None, Mark::Waiting) => return progress(remediation),
        (None, Mark::Begun) => ("begun", Tone::Bad),
        (None, Mark::Held) => ("HELD", Tone::Bad),
        (None, Mark::Failed) => ("failed", Tone::Bad),
        (None, Mark::Skipped) => ("skipped", Tone::Careful),
        (None, Mark::Replaced) => ("replaced", Tone::Plain),
        (None, Mark::Repaired) => ("repaired", Tone::Good),
        (None, Mark::Cleared) => ("cleared", Tone::Good),
    };
    let message = "its Remediation was deleted".to_owned();
    Progress { state: state.to_owned(), tone, message, ..Progress::default() }
}

/// Where a repair is; `None` is a node that waits for its turn.
pub(super) fn progress(remediation: Option<&Remediation>) -> Progress {
    let Some(remediation) = remediation else {
        return Progress { state: "waiting".to_owned(), tone: Tone::Dim, ..Progress::default() };
    };
    let Some(journal) = &remediation.journal else {
        return Progress { state: "granted".to_owned(), ..Progress::default() };
    };
    let record = step_of(journal);
    let (state, tone) = state(journal);
    let said = journal.message.as_deref().or_else(|| record.and_then(|record| record.message.as_deref()));
    let over = journal.mode == Mode::Finished;
    Progress {
        state: state.to_owned(),
        tone,
        step: record.map(|record| record.name.clone()).unwrap_or_default(),
        since: if over { journal.finished_at } else { record.and_then(since) },
        lasted: journal.started_at.zip(journal.finished_at),
        message: said.unwrap_or_default().to_owned(),
    }
}

impl Progress {
    /// How long the step has been under way, or how long the whole repair took.
    pub(super) fn time(&self, now: Time) -> String {
        match self.lasted {
            Some((started, ended)) => format!("took {}", age(Some(started), ended)),
            None => age(self.since, now),
        }
    }
}

fn state(journal: &Journal) -> (&'static str, Tone) {
    match (journal.mode, journal.outcome) {
        (Mode::Finished, Some(Outcome::Repaired)) => ("repaired", Tone::Good),
        (Mode::Finished, Some(Outcome::Cleared)) => ("cleared", Tone::Good),
        (Mode::Finished, Some(Outcome::Replaced)) => ("replaced", Tone::Plain),
        (Mode::Finished, Some(Outcome::Skipped)) => ("skipped", Tone::Careful),
        (Mode::Finished, Some(Outcome::Failed)) => ("failed", Tone::Bad),
        (Mode::Finished, None) => ("over", Tone::Plain),
        (Mode::Held, _) => ("HELD", Tone::Bad),
        (Mode::Holding, _) => ("being held", Tone::Bad),
        (Mode::Undoing, _) => ("being undone", Tone::Careful),
        (Mode::Restoring, _) => ("restoring", Tone::Careful),
        (Mode::Forward, _) => ("in flight", Tone::Plain),
    }
}

/// Since when a step, or its undo, has been what it is.
fn since(record: &StepRecord) -> Option<Time> {
    record.undo.as_ref().map(|undo| undo.started_at).or(record.started_at)
}

/// The step that is under way, being undone or next, or the one that it ended at.
fn step_of(journal: &Journal) -> Option<&StepRecord> {
    if let Some(index) = journal.being_undone() {
        return journal.steps.get(index);
    }
    let over = |record: &&StepRecord| {
        matches!(record.state, StepState::Failed | StepState::Indeterminate | StepState::UndoFailed)
    };
    let stuck = journal.steps.iter().find(over);
    stuck.or_else(|| journal.steps.get(journal.current()?))
}

/// One line: `in flight: drain for 35s (2 pods left)`.
pub(super) fn line(progress: &Progress, now: Time) -> String {
    let mut text = progress.state.clone();
    if !progress.step.is_empty() {
        text = format!("{text}: {}", progress.step);
    }
    if progress.since.is_some() && !progress.step.is_empty() {
        text = format!("{text} for {}", age(progress.since, now));
    } else if progress.since.is_some() {
        text = format!("{text} {} ago", age(progress.since, now));
    }
    // A good end needs no words.
    let silent = progress.message.is_empty() || progress.tone == Tone::Good;
    if silent { text } else { format!("{text} ({})", progress.message) }
}

/// What a repair waits for, and for a held node what a person has to do.
pub(super) fn blockers(remediation: Option<&Remediation>) -> &[Blocker] {
    remediation.and_then(|remediation| remediation.journal.as_ref()).map_or(&[], |journal| &journal.blockers)
}

/// What a repair waits for that its message does not say already.
pub(super) fn unsaid(remediation: Option<&Remediation>) -> impl Iterator<Item = &Blocker> {
    let message = progress(remediation).message;
    blockers(remediation).iter().filter(move |blocker| blocker.next != message)
}
