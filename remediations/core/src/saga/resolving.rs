//! What a person says of a step that nobody else can know: it goes on as if it had been seen.

use super::Brief;
use super::failing::{host_changed, restore_or_finish, undo_or_hold};
use super::journal::{Journal, Mode, Outcome};
use super::next::{Next, clip, write};
use super::observation::{NodeState, Observation};
use super::step::{StepRecord, StepState};
use crate::snapshot::{Operation, Resolution};
use crate::time::Time;

/// Whether a person can say what became of a step in this state, or of its undo.
pub const fn is_resolvable(state: StepState) -> bool {
    matches!(state, StepState::Indeterminate | StepState::UndoFailed)
}

/// The step that a held saga waits to be told about.
pub(super) fn resolvable(journal: &Journal) -> Option<&str> {
    journal.steps.iter().find(|step| is_resolvable(step.state)).map(|step| step.name.as_str())
}

/// The first thing said about this held node that was not heeded yet, carried out; `None` if there is nothing.
pub(super) fn resolve(
    brief: &Brief,
    journal: &Journal,
    seen: &Observation,
    node: &NodeState,
    now: Time,
) -> Option<Next> {
    let is_new = |operation: &&Operation| !journal.operations.contains(&operation.id);
    let about = |operation: &Operation| {
        let step = journal.steps.iter().position(|step| operation.step.as_ref() == Some(&step.name))?;
        Some((step, operation.outcome?)).filter(|_| is_resolvable(journal.steps[step].state))
    };
    let mut new = seen.resolutions.iter().filter(is_new);
    let (operation, (index, outcome)) =
        new.find_map(|operation| about(operation).map(|about| (operation, about)))?;
    let mut resolved = journal.clone();
    resolved.operations.push(operation.id.clone());
    resolved.blockers.clear();
    keep_marks(brief, &mut resolved, node, now);
    // Who said it knows of a restart meanwhile: it is nobody's takeover, and what has to be Ready is this boot.
    resolved.steps[index].observed.insert("bootId".to_owned(), node.boot_id.0.clone());
    let said = format!("said by {}: {}", operation.by, operation.reason);
    carry_out(brief, &mut resolved, (index, outcome), &said, now)?;
    Some(write(resolved, seen))
}

fn carry_out(
    brief: &Brief,
    journal: &mut Journal,
    (index, outcome): (usize, Resolution),
    said: &str,
    now: Time,
) -> Option<()> {
    let record = &mut journal.steps[index];
    match (record.state, outcome) {
        (StepState::Indeterminate, Resolution::Succeeded) => {
            record.become_state(StepState::Succeeded, now).ok()?;
            record.message = Some(clip(said));
            (journal.mode, journal.reason, journal.message) = (Mode::Forward, None, None);
        }
        (StepState::Indeterminate, Resolution::Failed) => {
            record.become_state(StepState::Failed, now).ok()?;
            record.message = Some(clip(said));
            journal.message = Some(cause(journal));
            failed(brief, journal, index, now);
        }
        (StepState::UndoFailed, Resolution::Succeeded) => {
            record.become_state(StepState::Undone, now).ok()?;
            if let Some(undo) = &mut record.undo {
                undo.message = Some(clip(said));
            }
            undo_again(journal);
        }
        // The next look starts it again, under another intent.
        (StepState::UndoFailed, Resolution::Failed) => undo_again(journal),
        _ => return None,
    }
    Some(())
}

fn failed(brief: &Brief, journal: &mut Journal, index: usize, now: Time) {
    if host_changed(brief, journal, None) {
        undo_or_hold(brief, journal, index, None);
    } else {
        journal.outcome = Some(Outcome::Failed);
        restore_or_finish(journal, now);
    }
}

fn undo_again(journal: &mut Journal) {
    (journal.mode, journal.reason) = (Mode::Undoing, None);
    journal.message = Some(cause(journal));
}

/// What had failed first, before any undo.
fn cause(journal: &Journal) -> String {
    let told = |step: &StepRecord| Some(format!("step {} failed: {}", step.name, step.message.as_ref()?));
    let failed = journal.steps.iter().rev().find_map(told);
    failed.unwrap_or_else(|| "a step failed".to_owned())
}

/// Without a cordon there still is what was written on the node for a person: it goes the way of a cordon's marks.
fn keep_marks(brief: &Brief, journal: &mut Journal, node: &NodeState, now: Time) {
    journal.cordon.get_or_insert_with(|| brief.mark(node, now));
}
