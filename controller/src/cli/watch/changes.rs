//! What is new between two moments of a run, one line each.

use nodemend_core::blocker::Blocker;
use nodemend_core::saga::{Journal, StepRecord, StepState};
use nodemend_core::time::Time;

use super::frame::{Frame, NodeLine};
use crate::cli::output::{age, count};
use crate::cli::repair::progress;

/// The time of day, UTC, in front of every line.
pub(super) fn clock(now: Time) -> String {
    // RFC 3339 in UTC has the time of day at a fixed place.
    now.to_string().get(11..19).map_or_else(String::new, |time| format!("{time}Z"))
}

/// One line per change; all there is to say when nothing was shown before.
pub(super) fn lines(old: Option<&Frame>, new: &Frame, now: Time) -> Vec<String> {
    let mut said = run_lines(old, new);
    for node in &new.nodes {
        let before = old.and_then(|old| old.nodes.iter().find(|before| before.name == node.name));
        said.extend(node_line(before, node).map(|line| format!("{}  {line}", node.name)));
        let known = before.map_or(&[][..], NodeLine::blockers);
        said.extend(
            blocker_lines(known, node.blockers()).into_iter().map(|line| format!("{}  {line}", node.name)),
        );
    }
    said.extend(blocker_lines(old.map_or(&[], |old| &old.blockers), &new.blockers));
    let clock = clock(now);
    said.into_iter().map(|line| format!("{clock}  {line}")).collect()
}

fn run_lines(old: Option<&Frame>, new: &Frame) -> Vec<String> {
    let mut said = Vec::new();
    let planned = !new.nodes.is_empty() && old.is_none_or(|old| old.nodes.is_empty());
    if old.is_none_or(|old| (old.phase, &old.message) != (new.phase, &new.message)) {
        let message = new.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        said.push(format!("run {} is {:?}{message}", new.run, new.phase));
    }
    if new.deleting && old.is_none_or(|old| !old.deleting) {
        said.push(format!("run {} is deleted; it goes when its nodes are put back", new.run));
    }
    if planned {
        let batches =
            if new.batches == 1 { "1 batch".to_owned() } else { format!("{} batches", new.batches) };
        said.push(format!("plan: {} in {batches}", count(new.nodes.len(), "node")));
    }
    if old.is_some_and(|old| old.batch != new.batch && !old.nodes.is_empty()) {
        said.push(format!("batch {} of {} begins", new.batch + 1, new.batches));
    }
    said
}

/// What happened to a node: how it ended, or which steps are over and which one began.
fn node_line(old: Option<&NodeLine>, new: &NodeLine) -> Option<String> {
    let remediation = new.remediation.as_ref()?;
    let before = old.and_then(NodeLine::journal);
    let Some(journal) = &remediation.journal else {
        return old.is_none_or(|old| old.remediation.is_none()).then(|| "granted".to_owned());
    };
    let mut said = steps(before, journal);
    if before.is_none_or(|before| (before.mode, before.outcome) != (journal.mode, journal.outcome)) {
        said.extend(turn(journal, new));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// A new direction: held, restoring, over. Going forward is said by the steps.
fn turn(journal: &Journal, line: &NodeLine) -> Option<String> {
    use nodemend_core::saga::Mode::{Finished, Forward};
    if journal.mode == Forward {
        return None;
    }
    let state = progress(line.remediation.as_ref()).state;
    let message = journal.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    let took = (journal.mode == Finished).then_some(journal.finished_at).flatten();
    let took = took.map_or_else(String::new, |end| format!(" after {}", age(journal.started_at, end)));
    Some(format!("{state}{took}{message}"))
}

fn steps(old: Option<&Journal>, new: &Journal) -> Vec<String> {
    let changed = new.steps.iter().filter(|record| {
        let before = old.and_then(|old| old.step(&record.name));
        before.map_or(StepState::Pending, |before| before.state) != record.state
    });
    changed.filter_map(step).collect()
}

fn step(record: &StepRecord) -> Option<String> {
    let took =
        record.finished_at.map_or_else(String::new, |end| format!(" in {}", age(record.started_at, end)));
    let message = record.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    match record.state {
        StepState::Pending => None,
        StepState::Started if record.attempt > 1 => Some(format!("{} started again", record.name)),
        StepState::Started => Some(format!("{} started", record.name)),
        StepState::Succeeded => Some(format!("{} done{took}", record.name)),
        StepState::Failed => Some(format!("{} FAILED{took}{message}", record.name)),
        StepState::UndoStarted | StepState::Undone | StepState::UndoFailed => undo(record),
        StepState::Indeterminate => Some(format!("{} has an end that nobody knows{message}", record.name)),
    }
}

fn undo(record: &StepRecord) -> Option<String> {
    let undo = record.undo.as_ref()?;
    let took =
        undo.finished_at.map_or_else(String::new, |end| format!(" in {}", age(Some(undo.started_at), end)));
    let message = undo.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    Some(match record.state {
        StepState::Undone => format!("{} undone{took}", record.name),
        StepState::UndoFailed => format!("undo of {} FAILED{took}{message}", record.name),
        _ => format!("undo of {} started", record.name),
    })
}

fn blocker_lines(old: &[Blocker], new: &[Blocker]) -> Vec<String> {
    let begun = new.iter().filter(|blocker| !old.iter().any(|known| known.is_about(blocker)));
    let ended = old.iter().filter(|blocker| !new.iter().any(|still| still.is_about(blocker)));
    let begun =
        begun.map(|blocker| format!("waits for {} ({}): {}", blocker.object, blocker.reason, blocker.next));
    let ended = ended.map(|blocker| format!("no longer waits for {} ({})", blocker.object, blocker.reason));
    begun.chain(ended).collect()
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
