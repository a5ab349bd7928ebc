//! What live reads have to say before anything is granted: the same rules that proposed it, on what the API server has now.
//!
//! The snapshot that is asked here holds guard, all pools, all nodes and all Remediations as consistent reads gave
//! them, the runs that are asked about, and their pages, which never change.

use super::gates::is_stopped;
use super::holds::{Subject, hold_on};
use super::limits::limit;
use super::round::plan_of;
use super::tally::{tally, unseen};
use super::when::window_closed;
use std::collections::{BTreeMap, BTreeSet};

use crate::blocker::Blocker;
use crate::budget::room::Rooms;
use crate::ids::{NodeUid, RunUid};
use crate::plan::PlannedNode;
use crate::snapshot::{Fleet, Mark, Node, Pool, Remediation, Run, Snapshot};
use crate::time::Time;

/// Those of `nodes` that may be granted to `run`: it is neither stopped nor at a failure limit, it has not begun them
/// before, nobody else is at work on them, and pool and guard have room for them.
pub fn allowed(
    live: &Snapshot,
    run: &Run,
    nodes: Vec<(u32, PlannedNode)>,
    now: Time,
) -> Vec<(u32, PlannedNode)> {
    let fleet = Fleet::new(live);
    let Some(pool) = live.pools.get(&run.request.pool) else { return Vec::new() };
    if is_behind(live) || may_not_start(&fleet, run).is_some() {
        return Vec::new();
    }
    let not_begun = not_begun(&fleet, run);
    let mut rooms = Rooms::new(&fleet, now);
    let mut allowed = Vec::new();
    for (page, planned) in nodes {
        let node = live.nodes.get(&planned.name).filter(|node| node.uid == planned.uid);
        let free = |node: &&Node| is_free(&fleet, pool, run, node) && not_begun.contains(&node.uid);
        let Some(node) = node.filter(free) else { continue };
        if rooms.refusal(pool, node, pool.lets_through(planned.checks())).is_none() {
            rooms.take(pool, node);
            allowed.push((page, planned));
        }
    }
    allowed
}

/// Whether some host knows more than the guard does: then nothing starts anywhere.
fn is_behind(live: &Snapshot) -> bool {
    live.guard.as_ref().is_some_and(|guard| guard.behind.is_some())
}

/// What keeps a node that was granted from its first disruptive step: what may have changed since the grant.
pub fn may_begin(snapshot: &Snapshot, run: &Run, planned: &PlannedNode, now: Time) -> Vec<Blocker> {
    let object = || format!("repairpool/{}", run.request.pool);
    let Some(pool) = snapshot.pools.get(&run.request.pool) else {
        return vec![Blocker::new("PoolNotFound", object(), "the pool is gone; nothing begins without it")];
    };
    let Some((header, _)) = plan_of(snapshot, run) else {
        return vec![Blocker::new("PlanIncomplete", object(), "the PlanPages of its run are not all there")];
    };
    let node = snapshot.nodes.get(&planned.name);
    let held = hold_on(snapshot.holds.values(), &Subject::node(run, planned, pool), now);
    let window = window_closed(pool, run, header, now);
    held.into_iter().chain(window).chain(node.and_then(kept_out)).collect()
}

/// Who keeps a node out of repairs: whoever takes it away, or its owner.
pub(super) fn kept_out(node: &Node) -> Option<Blocker> {
    let object = format!("node/{}", node.name);
    if let Some(why) = &node.leaving {
        return Some(Blocker::new("Leaving", object, format!("{why}; left to whoever takes it away")));
    }
    let label = node.opted_out()?;
    Some(Blocker::new("Excluded", object, format!("label {label} keeps it out of every repair")))
}

/// Why `run` may start nothing more, from what is live: a person stopped it, or a failure limit is reached.
pub fn may_not_start(fleet: &Fleet<'_>, run: &Run) -> Option<Blocker> {
    if let Some(stop) = is_stopped(run) {
        return Some(stop);
    }
    let object = format!("repairrun/{}", run.name);
    let Some((header, nodes)) = plan_of(fleet.snapshot, run) else {
        return Some(Blocker::new("PlanIncomplete", object, "its PlanPages are not all there"));
    };
    let limit = limit(run, header, &tally(fleet, run, header, &nodes))?;
    Some(Blocker::new("TooManyFailures", object, limit))
}

fn is_free(fleet: &Fleet<'_>, pool: &Pool, run: &Run, node: &Node) -> bool {
    let known = fleet.of_run(&run.uid).is_some_and(|of_run| of_run.contains(node.uid.as_str()));
    pool.selector.matches(&node.labels)
        && !fleet.is_contested(node)
        && fleet.busy(&node.uid).is_none()
        && !known
        && node.leaving.is_none()
}

/// The planned nodes that the run does not remember to have begun.
fn not_begun<'a>(fleet: &Fleet<'a>, run: &Run) -> BTreeSet<&'a NodeUid> {
    let nodes = plan_of(fleet.snapshot, run).map(|(_, nodes)| nodes).unwrap_or_default();
    let marked = nodes.into_iter().zip(run.status.nodes.marks());
    // A grant whose Remediation is gone says that the node was begun.
    let unseen = unseen(fleet, run);
    let waits = |node: &&NodeUid| !unseen.contains(*node);
    marked.filter(|(_, mark)| *mark == Mark::Waiting).map(|((_, node), _)| &node.uid).filter(waits).collect()
}

/// Whether the run of a Remediation remembers how it ended, or nobody needs to: then the object may go. Before that its
/// deletion would make its node look like one that was never begun.
pub fn is_remembered(snapshot: &Snapshot, remediation: &Remediation) -> bool {
    let run = snapshot.runs.get(&remediation.run).filter(|run| run.uid == remediation.run_uid);
    let Some(run) = run.filter(|run| !run.status.phase.is_over()) else { return true };
    let nodes = plan_of(snapshot, run).map(|(_, nodes)| nodes).unwrap_or_default();
    let position = nodes.iter().position(|(_, node)| node.uid == remediation.node_uid);
    let mark = position.map(|position| run.status.nodes.mark(position));
    mark.is_some_and(Mark::is_end)
}

/// What is to be done about a Remediation that lacks a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacking {
    /// Write what is missing: there is room, or part of it is written, or it has begun.
    Complete,
    /// Leave it: it does nothing without grants, and there is no room now.
    Wait,
    /// Take it away: its run starts nothing more, and it never began.
    Withdraw(Blocker),
}

/// What to do about each unfinished Remediation that lacks a grant: those just created, and those that a process which
/// stopped in between left behind, or that another controller made at the same time. Only what is granted or has begun
/// counts against the room; the others come in the order of their names.
pub fn lacking(live: &Snapshot, now: Time) -> Vec<(String, Lacking)> {
    let of_guard = live.guard.iter().flat_map(|guard| &guard.grants);
    let of_guard: BTreeSet<&str> = of_guard.map(|grant| grant.remediation.as_str()).collect();
    let of_pools =
        live.pools.iter().flat_map(|(name, pool)| pool.grants.iter().map(move |grant| (name, grant)));
    let of_pools: BTreeSet<(&str, &str)> =
        of_pools.map(|(pool, grant)| (pool.as_str(), grant.remediation.as_str())).collect();
    let granted = |remediation: &Remediation| {
        let (name, pool) = (remediation.name.as_str(), remediation.pool.as_str());
        (of_guard.contains(name), of_pools.contains(&(pool, name)))
    };
    let unfinished = || live.remediations.values().filter(|remediation| !remediation.is_finished());
    let mut answers = Vec::new();
    let mut candidates = Vec::new();
    for remediation in unfinished() {
        match granted(remediation) {
            (true, true) => {}
            (false, false) if remediation.journal.is_none() => candidates.push(remediation),
            _ => answers.push((remediation.name.clone(), Lacking::Complete)),
        }
    }
    answers.extend(candidates_in_room(live, &candidates, now));
    answers
}

fn candidates_in_room(live: &Snapshot, candidates: &[&Remediation], now: Time) -> Vec<(String, Lacking)> {
    let names = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    let (all, counted) = (Fleet::new(live), Fleet::without(live, names));
    let mut rooms = Rooms::new(&counted, now);
    // Each run is asked once, not once for each of its hundreds of nodes.
    let mut stopped: BTreeMap<&RunUid, Option<Blocker>> = BTreeMap::new();
    let mut answer = |remediation: &Remediation| {
        let run = live.runs.get(&remediation.run).filter(|run| run.uid == remediation.run_uid);
        // Without its run the saga ends it by itself.
        let Some(run) = run else { return Lacking::Wait };
        if let Some(why) = stopped.entry(&run.uid).or_insert_with(|| may_not_start(&all, run)) {
            return Lacking::Withdraw(why.clone());
        }
        let node = live.nodes.get(&remediation.node).filter(|node| node.uid == remediation.node_uid);
        let (Some(node), Some(pool)) = (node, live.pools.get(&remediation.pool)) else {
            return Lacking::Wait;
        };
        let admitted = pool.lets_through(remediation.checks.iter());
        if counted.busy(&node.uid).is_some() || rooms.refusal(pool, node, admitted).is_some() {
            return Lacking::Wait;
        }
        rooms.take(pool, node);
        Lacking::Complete
    };
    candidates.iter().map(|remediation| (remediation.name.clone(), answer(remediation))).collect()
}
