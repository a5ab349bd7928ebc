//! Before a node's first disruptive step: whether it may still begin. A window may have closed since the node was granted,
//! a budget of its pods may allow nothing now. Nothing has been done to the node yet, so waiting costs it nothing.

use super::Brief;
use super::journal::{Journal, Mode, Outcome};
use super::next::{LATER, Next, SOON, end, wait, wait_for};
use super::observation::Observation;
use super::step::StepState;
use crate::actions::Do;
use crate::blocker::{Blocker, keep_since};
use crate::time::{Span, Time};

/// Reason of a PodDisruptionBudget that allows nothing now.
pub const NO_DISRUPTION_ALLOWED: &str = "PodDisruptionBudget";
/// Reason of an admission webhook that would refuse whatever is asked, for there is nobody behind it.
pub const DEAD_WEBHOOK: &str = "WebhookWithoutEndpoints";
/// Reason of a pod that the drain must not touch: it would fail at once.
pub const DRAIN_REFUSED: &str = "DrainRefused";

/// Whether the next step is the node's first disruptive one: then it has to be found out whether it may begin.
pub fn awaits_clearance(brief: &Brief, journal: &Journal) -> bool {
    let disturbs = |index: usize| brief.steps.get(index).is_some_and(|s| s.action.action().disruptive());
    let begun = journal
        .steps
        .iter()
        .enumerate()
        .any(|(index, record)| disturbs(index) && record.state != StepState::Pending);
    journal.mode == Mode::Forward && !begun && journal.current().is_some_and(disturbs)
}

/// What is in the way of the first disruptive step, as a wait, or as the end of a wait that took too long.
pub(super) fn not_clear(brief: &Brief, journal: &Journal, seen: &Observation, now: Time) -> Option<Next> {
    // What was not asked is not known to be clear.
    let Some(blockers) = &seen.clearance else { return Some(wait(SOON)) };
    if blockers.is_empty() {
        return None;
    }
    let blockers = keep_since(&journal.blockers, blockers.clone(), now);
    if let Some(refused) = blockers.iter().find(|blocker| blocker.reason == DRAIN_REFUSED) {
        let message = format!("the node was not touched: {} must not be: {}", refused.object, refused.next);
        return Some(end(journal, seen, now, Outcome::Failed, DRAIN_REFUSED, &message));
    }
    let limit = drain_limit(brief);
    let stuck = blockers
        .iter()
        .find(|blocker| is_of_drain(blocker) && blocker.since.is_some_and(|since| now.since(since) > limit));
    Some(match stuck {
        Some(stuck) => {
            let message = format!(
                "the node was not touched: its drain would not get on, for {limit} by now; {} {}: {}",
                stuck.reason, stuck.object, stuck.next
            );
            end(journal, seen, now, Outcome::Failed, &stuck.reason, &message)
        }
        None => wait_for(journal, seen, now, LATER, blockers),
    })
}

/// What a drain would wait for too, and give up on after its time limit.
fn is_of_drain(blocker: &Blocker) -> bool {
    [NO_DISRUPTION_ALLOWED, DEAD_WEBHOOK].contains(&blocker.reason.as_str())
}

fn drain_limit(brief: &Brief) -> Span {
    let drain = brief.steps.iter().find(|step| matches!(step.action, Do::Drain(_)));
    drain.map_or(Span::minutes(15), crate::playbook::Step::time_limit)
}
