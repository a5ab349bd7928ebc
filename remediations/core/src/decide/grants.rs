//! Which nodes of a batch may be asked for now: Holds, other repairs of the same node, and what pool and guard leave room for.

use super::hold_on;
use crate::blocker::Blocker;
use crate::budget::grant::Sets;
use crate::budget::{Budget, NotAShare};
use crate::plan::PlannedNode;
use crate::snapshot::{Node, Pool, Run, Snapshot};
use crate::time::Time;

/// Nodes that runs before this one ask for in the same round.
#[derive(Debug, Default)]
pub(super) struct Promised(Vec<Node>);

/// What pool and guard have room for, with what is promised already.
struct Room<'a> {
    pool: &'a Pool,
    of_pool: Sets,
    guard: Option<&'a Budget>,
    of_cluster: Sets,
}

/// Those of `nodes` that may be asked for, and why the others may not.
pub(super) fn grantable(
    snapshot: &Snapshot,
    run: &Run,
    pool: &Pool,
    nodes: impl Iterator<Item = (u32, PlannedNode)>,
    promised: &mut Promised,
    now: Time,
) -> (Vec<(u32, PlannedNode)>, Vec<Blocker>) {
    let mut room = Room::new(snapshot, pool, promised);
    let (mut granted, mut blockers) = (Vec::new(), Vec::new());
    for (page, planned) in nodes {
        let Some(node) = snapshot.nodes.get(&planned.name) else { continue };
        if let Some(blocker) = refusal(snapshot, run, promised, &room, node, now) {
            blockers.push(blocker);
            continue;
        }
        room.take(node);
        promised.0.push(node.clone());
        granted.push((page, planned));
    }
    (granted, blockers)
}

/// Why this node may not be started now.
fn refusal(
    snapshot: &Snapshot,
    run: &Run,
    promised: &Promised,
    room: &Room<'_>,
    node: &Node,
    now: Time,
) -> Option<Blocker> {
    hold_on(snapshot.holds.values(), run, Some(&node.name), now)
        .or_else(|| taken(snapshot, promised, node))
        .or_else(|| room.refusal(node))
}

/// Whether somebody else may be at work on the node.
fn taken(snapshot: &Snapshot, promised: &Promised, node: &Node) -> Option<Blocker> {
    let object = format!("node/{}", node.name);
    if snapshot.pools_of(node).len() > 1 {
        let next = "selected by more than one RepairPool; change a nodeSelector";
        return Some(Blocker::new("TwoPools", object, next));
    }
    if let Some(busy) = snapshot.remediations.values().find(|r| r.node_uid == node.uid && !r.is_finished()) {
        return Some(Blocker::new("Busy", object, format!("run {} is repairing it or holds it", busy.run)));
    }
    let promised = promised.0.iter().any(|other| other.uid == node.uid);
    promised.then(|| Blocker::new("Busy", object, "another run is about to repair it"))
}

impl<'a> Room<'a> {
    fn new(snapshot: &'a Snapshot, pool: &'a Pool, promised: &Promised) -> Self {
        let unfinished = snapshot.remediations.values().filter(|r| !r.is_finished());
        let guard = snapshot.guard.as_ref();
        let grants = guard.map_or(&[][..], |guard| &guard.grants);
        let mut room = Self {
            pool,
            of_pool: Sets::of_pool(pool, snapshot.nodes.values(), snapshot.remediations.values()),
            guard: guard.and_then(|guard| guard.budget.as_ref()),
            of_cluster: Sets::new(snapshot.nodes.values(), grants, unfinished),
        };
        promised.0.iter().for_each(|node| room.take(node));
        room
    }

    fn take(&mut self, node: &Node) {
        self.of_cluster.take(&node.uid);
        if self.pool.selector.matches(&node.labels) {
            self.of_pool.take(&node.uid);
        }
    }

    fn refusal(&self, node: &Node) -> Option<Blocker> {
        let of_pool = format!("repairpool/{}", self.pool.name);
        refused(self.of_pool.refusal(node, &self.pool.budget, &of_pool), &of_pool).or_else(|| {
            let object = "repairguard/cluster";
            refused(self.of_cluster.refusal(node, self.guard?, object), object)
        })
    }
}

fn refused(answer: Result<Option<Blocker>, NotAShare>, object: &str) -> Option<Blocker> {
    answer.unwrap_or_else(|error| Some(Blocker::new("BadBudget", object, error.to_string())))
}
