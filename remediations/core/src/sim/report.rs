//! What a simulation shows: batches with their times and failures, the makespan and its lower bound, the peaks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::drive::Simulation;
use super::gauge::Gauge;
use super::world::{Fact, What, World};
use crate::blocker::Blocker;
use crate::plan::PlannedNode;
use crate::saga::Outcome;
use crate::snapshot::{Counts, Run, RunPhase};
use crate::time::{Span, Time};

/// Everything that is shown of a simulation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it began, in virtual time.
    pub from: Time,
    /// When it ended.
    pub to: Time,
    /// How many rounds of decisions were made.
    pub rounds: u64,
    /// The runs that were open during it, in the order in which they were made.
    pub runs: Vec<RunReport>,
    /// Nodes out of service, by the object that has the budget.
    pub budgets: BTreeMap<String, Gauge>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// Its name.
    pub name: String,
    /// Its pool.
    pub pool: String,
    /// Where it is at the end.
    pub phase: RunPhase,
    /// The same in a sentence.
    pub message: Option<String>,
    /// What it waits for, if it is not over.
    pub blockers: Vec<Blocker>,
    /// Its nodes by what became of them.
    pub counts: Counts,
    /// Its batches, as far as they were begun.
    pub batches: Vec<Batch>,
    /// From its first node's grant to its last node's end.
    pub makespan: Span,
    /// What it cannot be shorter than.
    pub lower_bound: Bound,
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Its number, from 1.
    pub batch: u32,
    /// When its first node was granted.
    pub start: Time,
    /// When its last node was over, so far.
    pub end: Time,
    /// Nodes that were granted.
    pub nodes: u32,
    /// Nodes that were repaired.
    pub repaired: u32,
    /// Nodes that failed.
    pub failed: u32,
    /// Nodes that are held, for a person or by a Hold.
    pub held: u32,
    /// Nodes that needed no repair any more, or were gone.
    pub other: u32,
}

/// The shortest time in which the nodes of a run can be repaired: `waves` times `node_time`, and the soaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// The bound.
    pub span: Span,
    /// How often nodes have to be waited for: one per batch, more where a batch exceeds what may be in flight.
    pub waves: u32,
    /// The shortest time of one node.
    pub node_time: Span,
    /// The pauses between its batches.
    pub soak: Span,
}

/// Batches as they come about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ledgers {
    batches: BTreeMap<(String, u32), Batch>,
    of: BTreeMap<String, (String, u32)>,
    held: std::collections::BTreeSet<String>,
}

impl Ledgers {
    /// Takes in what happened since the last time.
    pub(super) fn take(&mut self, world: &mut World) {
        for fact in std::mem::take(&mut world.facts) {
            if let Some(repair) = world.repair(&fact.remediation)
                && !self.of.contains_key(&fact.remediation)
            {
                self.of.insert(fact.remediation.clone(), (repair.run.clone(), repair.planned.batch));
            }
            self.note(&fact);
        }
    }

    fn note(&mut self, fact: &Fact) {
        let Some(key) = self.of.get(&fact.remediation) else { return };
        let batch = self.batches.entry(key.clone()).or_insert_with(|| Batch {
            batch: key.1 + 1,
            start: fact.at,
            ..Batch::default()
        });
        batch.end = batch.end.max(fact.at);
        if self.held.remove(&fact.remediation) {
            batch.held -= 1;
        }
        match fact.what {
            What::Granted { .. } => batch.nodes += 1,
            What::Begun | What::Disrupted => {}
            What::Held { .. } => {
                batch.held += 1;
                self.held.insert(fact.remediation.clone());
            }
            What::Ended(Outcome::Repaired) => batch.repaired += 1,
            What::Ended(Outcome::Failed) | What::Lost => batch.failed += 1,
            What::Ended(_) => batch.other += 1,
        }
    }

    fn of_run(&self, run: &str) -> Vec<Batch> {
        let of_run = self.batches.iter().filter(|((name, _), _)| name == run);
        of_run.map(|(_, batch)| batch.clone()).collect()
    }
}

impl Simulation {
    /// What is to be shown.
    pub fn report(&self) -> Report {
        let mut runs: Vec<&Run> = self.world.snapshot.runs.values().collect();
        runs.sort_by_key(|run| (run.created, &run.name));
        let shown = |run: &&Run| run.status.finished_at.is_none_or(|end| end >= self.began);
        Report {
            from: self.began,
            to: self.world.now,
            rounds: self.rounds,
            runs: runs.into_iter().filter(shown).map(|run| self.run_report(run)).collect(),
            budgets: self.world.gauges.as_ref().map(|g| g.read(&self.world.snapshot)).unwrap_or_default(),
        }
    }

    fn run_report(&self, run: &Run) -> RunReport {
        let batches = self.ledgers.of_run(&run.name);
        let start = batches.iter().map(|batch| batch.start).min();
        let end = batches.iter().map(|batch| batch.end).max();
        RunReport {
            name: run.name.clone(),
            pool: run.request.pool.clone(),
            phase: run.status.phase,
            message: run.status.message.clone(),
            blockers: run.status.blockers.clone(),
            counts: run.status.counts.clone(),
            makespan: end.zip(start).map_or(Span(0), |(end, start)| end.since(start)),
            lower_bound: self.bound(run),
            batches,
        }
    }

    fn bound(&self, run: &Run) -> Bound {
        let pages = self.world.snapshot.pages.get(&run.uid).into_iter().flat_map(BTreeMap::values);
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for PlannedNode { batch, .. } in pages.flat_map(|page| &page.nodes) {
            *sizes.entry(*batch).or_default() += 1;
        }
        let at_once = self.at_once(run).max(1);
        let waves: usize = sizes.values().map(|size| size.div_ceil(at_once)).sum();
        let node_time = self.world.settings.node_time;
        let waves = u32::try_from(waves).unwrap_or(u32::MAX);
        let last = sizes.keys().max().copied().unwrap_or(0);
        let pauses = sizes.keys().filter(|batch| **batch < last);
        let soak = pauses.map(|batch| run.request.rollout.soak_after(*batch).0).sum();
        let work = node_time.0.saturating_mul(i64::from(waves));
        Bound { span: Span(work.saturating_add(soak)), waves, node_time, soak: Span(soak) }
    }

    /// How many nodes of the run's pool may be in flight at once, by pool and guard.
    fn at_once(&self, run: &Run) -> usize {
        let snapshot = &self.world.snapshot;
        let Some(pool) = snapshot.pools.get(&run.request.pool) else { return 0 };
        let of = |budget: &crate::budget::Budget, total| {
            let share = budget.max_in_flight.as_ref().unwrap_or(&budget.max_unavailable);
            share.of(total).unwrap_or(0)
        };
        let of_pool = of(&pool.budget, snapshot.nodes_of(pool).count());
        let guard = snapshot.guard.as_ref().and_then(|guard| guard.budget.as_ref());
        of_pool.min(guard.map_or(usize::MAX, |budget| of(budget, snapshot.nodes.len())))
    }
}
