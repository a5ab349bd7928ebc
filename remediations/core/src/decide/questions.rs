//! Gates of a rollout: what has to be asked, and what answers say. No answer, or an old one, is a no.

use super::Decision;
use super::round::Round;
use crate::blocker::Blocker;
use crate::ids::NodeName;
use crate::plan::Header;
use crate::rollout::{ANSWER_COUNTS_FOR, Asked, Gate, GateScope};
use crate::snapshot::Run;

/// What gates of the run and of its batch keep closed. Those that are already behind the run are asked no more.
pub(super) fn before_batch(
    round: &mut Round<'_>,
    run: &Run,
    header: &Header,
    batch: u32,
    batch_begun: bool,
) -> Vec<Blocker> {
    let applies = |gate: &Gate| match gate.scope {
        GateScope::Run => run.status.started_at.is_none(),
        GateScope::Batch => !batch_begun,
        GateScope::Node => false,
    };
    let gates = header.rollout.gates.iter().enumerate().filter(|(_, gate)| applies(gate));
    let asked = gates.map(|(index, gate)| {
        let batch = (gate.scope == GateScope::Batch).then_some(batch);
        (gate, asked(run, index, batch, None))
    });
    asked.filter_map(|(gate, asked)| closed(round, gate, asked)).collect()
}

/// What gates of scope `Node` keep closed for one node.
pub(super) fn before_node(
    round: &mut Round<'_>,
    run: &Run,
    header: &Header,
    batch: u32,
    node: &NodeName,
) -> Option<Blocker> {
    let gates = header.rollout.gates.iter().enumerate().filter(|(_, gate)| gate.scope == GateScope::Node);
    let mut first = None;
    for (index, gate) in gates {
        let blocker = closed(round, gate, asked(run, index, Some(batch), Some(node.clone())));
        first = first.or(blocker);
    }
    first
}

fn asked(run: &Run, gate: usize, batch: Option<u32>, node: Option<NodeName>) -> Asked {
    Asked { run: run.name.clone(), run_uid: run.uid.clone(), gate, batch, node }
}

/// Why a gate is not open; asks it where the last answer does not count any more.
fn closed(round: &mut Round<'_>, gate: &Gate, asked: Asked) -> Option<Blocker> {
    let object = format!("repairrun/{}", asked.run);
    let answer = round.snapshot.answers.get(&asked);
    let fresh = answer.is_some_and(|answer| answer.is_fresh(round.now));
    if !fresh {
        round.decisions.push(Decision::Ask { asked, gate: Box::new(gate.clone()) });
    }
    match answer {
        Some(answer) if answer.open && fresh => None,
        // What was said last stands until something else is said.
        Some(answer) if !answer.open => {
            let next = format!("{}: {}; asked again until it is open", gate.describe(), answer.why);
            Some(Blocker::new("GateClosed", object, next).until(answer.at.after(ANSWER_COUNTS_FOR)))
        }
        _ => Some(Blocker::new("GateAsked", object, format!("{} is being asked", gate.describe()))),
    }
}
