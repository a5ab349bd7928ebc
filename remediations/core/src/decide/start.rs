//! Which nodes of a batch are asked for now: Holds, other repairs of the same node, marks of others, gates, and what pool
//! and guard leave room for.

use std::collections::BTreeSet;

use super::holds::{Subject, hold_on};
use super::live::kept_out;
use super::questions;
use super::round::Round;
use crate::blocker::Blocker;
use crate::plan::{Header, PlannedNode};
use crate::snapshot::{Node, Pool, Run};

/// The run whose nodes are chosen.
#[derive(Clone, Copy)]
pub(super) struct Choosing<'a, 'b> {
    pub(super) run: &'b Run,
    pub(super) header: &'b Header,
    pub(super) pool: &'a Pool,
    pub(super) batch: u32,
}

/// Those of `nodes` that may be asked for, and why the others may not.
pub(super) fn grantable<'a>(
    round: &mut Round<'a>,
    choosing: Choosing<'a, '_>,
    nodes: impl Iterator<Item = (u32, &'a PlannedNode)>,
) -> (Vec<(u32, PlannedNode)>, Vec<Blocker>) {
    let (mut granted, mut blockers) = (Vec::new(), Vec::new());
    // Room only shrinks within a round: what one node was refused, another like it is refused too.
    let mut no_room = BTreeSet::new();
    for (page, planned) in nodes {
        let Some(node) = round.snapshot.nodes.get(&planned.name) else { continue };
        let admitted = choosing.pool.lets_through(planned.checks());
        let alike = (node.is_available(), node.zone(), node.is_control_plane(), admitted);
        if no_room.contains(&alike) {
            continue;
        }
        if let Some(blocker) = taken(round, choosing, planned, node) {
            blockers.push(blocker);
        } else if let Some(blocker) = round.rooms.refusal(choosing.pool, node, admitted) {
            no_room.insert(alike);
            blockers.push(blocker);
        } else {
            // A node whose gate is being asked keeps its place: no more are asked than could start.
            round.rooms.take(choosing.pool, node);
            match questions::before_node(round, choosing.run, choosing.header, choosing.batch, &node.name) {
                Some(blocker) => blockers.push(blocker),
                None => granted.push((page, planned.clone())),
            }
        }
    }
    (granted, blockers)
}

/// What is in the way of this node alone.
fn taken(
    round: &Round<'_>,
    choosing: Choosing<'_, '_>,
    planned: &PlannedNode,
    node: &Node,
) -> Option<Blocker> {
    let subject = Subject::node(choosing.run, planned, choosing.pool);
    let object = || format!("node/{}", node.name);
    if let Some(blocker) = hold_on(round.snapshot.holds.values(), &subject, round.now) {
        return Some(blocker);
    }
    if round.fleet.is_contested(node) {
        let next = "selected by more than one RepairPool; change a nodeSelector";
        return Some(Blocker::new("TwoPools", object(), next));
    }
    if let Some(blocker) = kept_out(node) {
        return Some(blocker);
    }
    if round.rooms.has_taken(&node.uid) {
        return Some(Blocker::new("Busy", object(), "another run is about to repair it"));
    }
    let busy = round.fleet.busy(&node.uid)?;
    let next = format!("run {} is repairing it or holds it; waits for that to end", busy.run);
    Some(Blocker::new("Busy", object(), next))
}
