//! From batch to batch: a batch begins when nothing of the one before is under way, its soak is over and its nodes stand.

use super::round::Round;
use super::tally::Tally;
use crate::blocker::Blocker;
use crate::plan::{Header, PlannedNode};
use crate::snapshot::{Mark, Run, RunStatus};

/// Brings batch and soak of `status` up to date; what the next batch waits for, if it waits.
pub(super) fn advance(
    round: &Round<'_>,
    run: &Run,
    header: &Header,
    nodes: &[(u32, &PlannedNode)],
    tally: &Tally<'_>,
    open: u32,
    status: &mut RunStatus,
) -> Option<Blocker> {
    if open == status.batch || tally.counts.in_flight > 0 {
        status.soaking_since = None;
        return None;
    }
    // A batch that comes back, because a Hold on its nodes was lifted, or of which no node was begun: nothing to watch.
    if open < status.batch || !tally.batch_begun {
        status.batch = open;
        status.soaking_since = None;
        return None;
    }
    let since = *status.soaking_since.get_or_insert(round.now);
    let soak = header.rollout.soak_after(status.batch);
    let ready = since.after(soak);
    if round.now < ready {
        let next = format!("batch {} is watched for {soak}; goes on at {ready}", status.batch + 1);
        return Some(soaking(run, "Soak", next).since(since).until(ready));
    }
    if soak.0 > 0
        && let Some(node) = not_ready(round, nodes, tally, status.batch)
    {
        let next = format!(
            "{} of batch {} is not Ready after its repair; waits for it to be, or abort the run",
            node.name,
            status.batch + 1
        );
        return Some(soaking(run, "BatchNotReady", next).since(since));
    }
    status.batch = open;
    status.soaking_since = None;
    None
}

fn soaking(run: &Run, reason: &str, next: String) -> Blocker {
    Blocker::new(reason, format!("repairrun/{}", run.name), next)
}

/// A repaired node of the batch that is still the same machine and not Ready any more.
fn not_ready<'a>(
    round: &Round<'_>,
    nodes: &[(u32, &'a PlannedNode)],
    tally: &Tally<'_>,
    batch: u32,
) -> Option<&'a PlannedNode> {
    let repaired = nodes.iter().zip(tally.nodes.marks()).filter(|(_, mark)| *mark == Mark::Repaired);
    repaired.map(|((_, node), _)| *node).filter(|node| node.batch == batch).find(|node| {
        let live = round.snapshot.nodes.get(&node.name).filter(|live| live.uid == node.uid);
        live.is_some_and(|live| live.ready() != Some(true))
    })
}
