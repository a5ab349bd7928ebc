//! Whether what happens may happen, counted by other code than the shipped: nodes one by one, from what is stored.

use std::collections::BTreeSet;

use nodemend_core::budget::{Grant, IntOrPercent};
use nodemend_core::ids::{Epoch, NodeUid};
use nodemend_core::saga::{Journal, Mode, Outcome};
use nodemend_core::snapshot::{HoldScope, Node, Remediation, Run};

use super::invariant::Invariant;
use super::setting::POOL;
use super::state::{Seen, State};
use super::stored::Stored;

/// Before grants are written that were decided when `truth` was stored.
pub fn grants(state: &mut State, truth: &Stored, grants: &[Grant]) {
    let new: Vec<&Grant> = grants.iter().filter(|grant| is_start(&state.stored, grant)).collect();
    let (over, late) = (over_budget(&state.stored, truth, &new), after_limit(truth, &new));
    state.breaks(Invariant::BudgetOfGrants, over);
    state.breaks(Invariant::LimitsHold, late);
}

/// Whether the grant starts a node, and does not complete what was under way.
fn is_start(stored: &Stored, grant: &Grant) -> bool {
    let all = &stored.snapshot;
    let known = all.guard.iter().flat_map(|guard| &guard.grants);
    let known = known.chain(all.pools.values().flat_map(|pool| &pool.grants));
    let row = all.remediations.get(&grant.remediation);
    !known.into_iter().any(|known| known.remediation == grant.remediation)
        && row.is_some_and(|row| row.journal.is_none())
}

fn over_budget(stored: &Stored, truth: &Stored, new: &[&Grant]) -> bool {
    let all = &stored.snapshot;
    let stands =
        |grant: &&Grant| all.remediations.get(&grant.remediation).is_none_or(|row| !row.is_finished());
    let standing = all.guard.iter().flat_map(|guard| &guard.grants).filter(stands);
    let taken: BTreeSet<&NodeUid> =
        standing.chain(new.iter().copied()).map(|grant| &grant.node_uid).collect();
    let Some(budget) = all.pools.get(POOL).map(|pool| &pool.budget) else { return false };
    let count = |limit: &IntOrPercent, within: &dyn Fn(&Node) -> bool| {
        let area = Area { truth, taken: &taken, new, within };
        area.is_over(limit)
    };
    let zones: BTreeSet<&str> = truth.snapshot.nodes.values().map(Node::zone).collect();
    count(&budget.max_unavailable, &|_| true)
        || budget.per_zone.as_ref().is_some_and(|of| {
            zones.iter().any(|zone| count(&of.max_unavailable, &|node: &Node| node.zone() == *zone))
        })
}

/// The nodes that one limit is over.
struct Area<'a> {
    truth: &'a Stored,
    taken: &'a BTreeSet<&'a NodeUid>,
    new: &'a [&'a Grant],
    within: &'a dyn Fn(&Node) -> bool,
}

impl Area<'_> {
    fn is_over(&self, limit: &IntOrPercent) -> bool {
        let IntOrPercent::Int(limit) = limit else { return false };
        let (mut in_flight, mut out, mut takes_away) = (0, 0, false);
        for node in self.truth.snapshot.nodes.values().filter(|node| (self.within)(node)) {
            let taken = self.taken.contains(&node.uid);
            let is_new = self.new.iter().any(|grant| grant.node_uid == node.uid);
            in_flight += u32::from(taken);
            out += u32::from(taken || !node.is_available());
            takes_away |= is_new && node.is_available();
        }
        let any_new = self.new.iter().any(|grant| {
            self.truth.snapshot.nodes.values().any(|node| node.uid == grant.node_uid && (self.within)(node))
        });
        any_new && (in_flight > *limit || (takes_away && out > *limit))
    }
}

/// Whether a run of one of the grants had lost more nodes than it may.
fn after_limit(truth: &Stored, new: &[&Grant]) -> bool {
    let runs = truth.snapshot.runs.values();
    runs.filter(|run| new.iter().any(|grant| grant.run_uid == run.uid)).any(|run| {
        let IntOrPercent::Int(may) = run.request.rollout.max_failures else { return false };
        let failed = truth.snapshot.remediations_of(&run.uid).filter(|row| has_failed(row)).count();
        failed > may as usize || run.status.limit_reached.is_some()
    })
}

/// Whether a repair failed or waits for a person.
pub fn has_failed(row: &Remediation) -> bool {
    let Some(journal) = &row.journal else { return false };
    let held = journal.mode == Mode::Held && journal.reason.as_deref() != Some("Stopped");
    held || (journal.is_finished() && journal.outcome == Some(Outcome::Failed))
}

/// After a pool's grants were written.
pub fn rate(state: &mut State) {
    let Some(pool) = state.stored.snapshot.pools.get(POOL) else { return };
    let Some(rate) = &pool.budget.rate else { return };
    // Nodes that are begun cannot be counted by what is stored: a fault may have taken that away.
    let granted = pool.grants.iter().map(|grant| &grant.remediation);
    let started: BTreeSet<&String> = state.begun.iter().chain(granted).collect();
    let too_many = started.len() > rate.nodes as usize;
    state.breaks(Invariant::Rate, too_many);
}

/// What stops a saga of this process now, from what is stored.
pub fn seen(stored: &Stored, row: &Remediation, epoch: Epoch) -> Seen {
    let all = &stored.snapshot;
    let run = all.runs.get(&row.run).filter(|run| run.uid == row.run_uid);
    let ours = all.guard.as_ref().is_some_and(|guard| guard.epoch == epoch);
    let held = all.holds.values().any(|hold| match &hold.scope {
        HoldScope::Cluster {} => true,
        HoldScope::Pool { name } => *name == row.pool,
        HoldScope::Run { name } => *name == row.run,
        HoldScope::Node { name } => *name == row.node.0,
        HoldScope::Policy { .. } | HoldScope::Playbook { .. } => false,
    });
    let ended = |run: &Run| run.deleting || !run.request.operations.is_empty();
    let has = |grants: &[Grant]| grants.iter().any(|grant| grant.remediation == row.name);
    Seen {
        stopped: !ours || row.deleting || held || run.is_none_or(ended),
        granted: all.guard.as_ref().is_some_and(|guard| has(&guard.grants))
            && all.pools.get(&row.pool).is_some_and(|pool| has(&pool.grants)),
    }
}

/// Before `journal` replaces `old` of a Remediation; `seen` is what its live re-check saw, if it begins.
pub fn journal(
    state: &mut State,
    row: &Remediation,
    old: Option<&Journal>,
    journal: &Journal,
    seen: Option<Seen>,
) {
    let lower = old.is_some_and(|old| old.epoch > journal.epoch);
    state.breaks(Invariant::EpochsRise, lower);
    if old.is_none() && !journal.steps.is_empty() {
        let limit =
            state.stored.snapshot.runs.get(&row.run).is_some_and(|run| run.status.limit_reached.is_some());
        let other = |other: &Remediation| {
            other.node_uid == row.node_uid
                && other.name != row.name
                && other.journal.is_some()
                && !other.is_finished()
        };
        let two = state.stored.snapshot.remediations.values().any(other);
        let twice = !state.begun.insert(row.name.clone());
        state.breaks(Invariant::BothGrants, seen.is_some_and(|seen| !seen.granted));
        state.breaks(Invariant::StopsHold, seen.is_some_and(|seen| seen.stopped));
        state.breaks(Invariant::LimitsHold, limit && seen.is_some());
        state.breaks(Invariant::OneRepairPerNode, two);
        state.breaks(Invariant::BegunOnce, twice);
    }
    let over = old.is_some_and(Journal::is_finished) && !journal.is_finished();
    state.breaks(Invariant::NothingAfterTheEnd, over);
    let by_person = old.is_some_and(|old| old.mode == Mode::Held);
    if journal.is_finished() && !by_person {
        let left = has_cordon(&state.stored, row);
        state.breaks(Invariant::CordonRestored, left);
    }
}

/// Whether the node carries the cordon mark of a Remediation.
fn has_cordon(stored: &Stored, row: &Remediation) -> bool {
    let mark = stored.marks.get(&row.node).and_then(|marks| marks.cordon.as_ref());
    mark.is_some_and(|mark| mark.remediation == row.name)
}

/// After an effect of a Remediation happened: a job was taken on, or a cordon was written.
pub fn effect(state: &mut State, remediation: &str, intent_is_stored: bool, seen: Seen) {
    let row = state.stored.snapshot.remediations.get(remediation);
    let over = row.is_none_or(Remediation::is_finished);
    state.breaks(Invariant::NothingAfterTheEnd, over);
    state.breaks(Invariant::IntentFirst, !over && !intent_is_stored);
    state.breaks(Invariant::StopsHold, seen.stopped);
    state.breaks(Invariant::BothGrants, !seen.granted);
}

/// After a cordon was written.
pub fn cordons(state: &mut State) {
    let limit = state.stored.snapshot.pools.get(POOL).map(|pool| &pool.budget.max_unavailable);
    let Some(IntOrPercent::Int(limit)) = limit else { return };
    let ours = state.stored.marks.values().filter(|marks| marks.cordon.is_some()).count();
    let over = ours > *limit as usize;
    state.breaks(Invariant::BudgetOfCordons, over);
}
