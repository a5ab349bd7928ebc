//! The Holds of a failed undo: until a person has looked, nothing more is done to that node, in that run, and by that playbook
//! in that pool. Everything else goes on.

use super::Brief;
use super::journal::Journal;
use super::step::StepState;
use super::undoing::UNDO_FAILED;
use crate::rollout::storm::HELD_BY;
use crate::snapshot::{Hold, HoldLevel, HoldScope};
use crate::time::Time;

/// Longest text of what failed, in characters: a blocker's text (1024) holds it and how to go on.
const LONGEST_CAUSE: usize = 480;

/// The Holds to make before the journal says `Held`; none for any other reason than a failed undo. Their names follow from
/// the Remediation's, so that each is made once. They are the saga's alone; people release them.
pub fn holds_of_failed_undo(brief: &Brief, journal: &Journal, now: Time) -> Vec<Hold> {
    if journal.reason.as_deref() != Some(UNDO_FAILED) {
        return Vec::new();
    }
    let scopes = [
        ("node", HoldScope::Node { name: brief.node.name.0.clone() }),
        ("run", HoldScope::Run { name: brief.run.clone() }),
        ("playbook", HoldScope::Playbook { name: brief.playbook.clone(), pool: brief.pool.clone() }),
    ];
    let hold = |(kind, scope): (&str, HoldScope)| Hold {
        name: format!("undo-{}-{kind}", brief.remediation),
        scope,
        held_by: HELD_BY.to_owned(),
        reason: UNDO_FAILED.to_owned(),
        message: Some(message(brief, journal)),
        level: HoldLevel::Stop,
        until: None,
        created: now,
    };
    scopes.map(hold).into()
}

fn message(brief: &Brief, journal: &Journal) -> String {
    let cause: String = journal.message.as_deref().unwrap_or_default().chars().take(LONGEST_CAUSE).collect();
    format!("node {}: {cause}. To do: {}", brief.node.name, by_hand(brief, journal))
}

/// What a person does about a failed undo.
pub(super) fn by_hand(brief: &Brief, journal: &Journal) -> String {
    let failed = journal.steps.iter().find(|step| step.state == StepState::UndoFailed);
    let step = failed.map_or("STEP", |step| step.name.as_str());
    let command = format!("nodemend resolve {} --node {} --step {step}", brief.run, brief.node.name);
    format!(
        "put back by hand what step {step} changed, then `{command} --as succeeded --reason TEXT`; \
         with `--as failed` the undo is tried again"
    )
}
