//! Rounds of `decide` in virtual time: after changes, and at the times at which time alone changes what is decided.

use super::report::Ledgers;
use super::world::World;
use crate::decide::{Decision, decide};
use crate::snapshot::Snapshot;
use crate::time::{Span, Time};

/// As in the planner: a round is made at least this often while something waits for time.
const AT_LEAST: Span = Span::seconds(10);
/// How far apart two looks ahead may lie: a window shorter than this could be overlooked.
const LOOK_AHEAD: Span = Span::minutes(15);

/// Why a simulation is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ended {
    /// Nothing is under way or will be: every run is over.
    Over,
    /// Something is not over, and waits for what no time brings.
    Waiting,
    /// The end of the time that it was given.
    OutOfTime,
}

/// A world, and the planner that acts in it.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The world.
    pub world: World,
    /// How many rounds were made.
    pub rounds: u64,
    pub(super) ledgers: Ledgers,
    pub(super) began: Time,
    gather: Span,
}

impl Simulation {
    /// A simulation that gathers changes for `gather` before each round.
    pub fn new(world: World, gather: Span) -> Self {
        let began = world.now;
        Self { world, rounds: 0, ledgers: Ledgers::default(), began, gather: Span(gather.0.max(1)) }
    }

    /// Goes on until nothing happens any more, for `at_most` this long.
    pub fn run(&mut self, at_most: Span) -> Ended {
        let limit = self.world.now.after(at_most);
        while self.world.now < limit {
            if !self.step(limit) {
                let open = self.world.snapshot.runs.values().any(|run| !run.status.phase.is_over());
                return if open { Ended::Waiting } else { Ended::Over };
            }
        }
        Ended::OutOfTime
    }

    /// Goes on until `to`, which is then the time.
    pub fn run_to(&mut self, to: Time) {
        while self.world.now < to && self.step(to) {}
        self.world.advance(to);
        self.round();
    }

    /// One round, and time until the next one has something to decide. False if there is none by `limit`.
    fn step(&mut self, limit: Time) -> bool {
        if self.round() {
            let to = self.world.now.after(self.gather).min(limit);
            self.world.advance(to);
            return true;
        }
        let due = self.world.next_due().filter(|due| *due <= limit);
        if let Some(point) = self.next_point(due.unwrap_or(limit)) {
            self.world.advance(point);
            return true;
        }
        let Some(due) = due else { return false };
        self.world.stirred = false;
        self.world.advance(due.after(self.gather).min(limit));
        while !self.world.stirred
            && let Some(due) = self.world.next_due().filter(|due| *due <= limit)
        {
            self.world.advance(due.after(self.gather).min(limit));
        }
        true
    }

    /// Decides and carries out. Whether anything moved, so that the next round may decide something else.
    pub fn round(&mut self) -> bool {
        self.rounds += 1;
        let repairs = self.world.snapshot.remediations.len();
        let mut moved = false;
        for decision in decide(&self.world.snapshot, self.world.now) {
            moved |= moves(&self.world.snapshot, &decision);
            self.world.carry_out(decision);
        }
        self.world.complete_grants(self.world.leader());
        self.world.collect_garbage();
        moved |= self.world.snapshot.remediations.len() != repairs;
        self.ledgers.take(&mut self.world);
        moved
    }

    /// The first time before `to` at which time alone changes what is decided. `decide` is pure, so it can be asked.
    fn next_point(&self, to: Time) -> Option<Time> {
        if !waits_for_time(&self.world.snapshot) {
            return None;
        }
        let decides = |at: Time| {
            let decided = decide(&self.world.snapshot, at);
            decided.iter().any(|decision| {
                matches!(decision, Decision::Grant { .. }) || moves(&self.world.snapshot, decision)
            })
        };
        let (mut quiet, mut step) = (self.world.now, AT_LEAST);
        let mut found = loop {
            let at = quiet.after(step);
            if at >= to {
                return None;
            }
            if decides(at) {
                break at;
            }
            (quiet, step) = (at, Span((step.0 * 2).min(LOOK_AHEAD.0)));
        };
        while found.since(quiet) > AT_LEAST {
            let middle = quiet.after(Span(found.since(quiet).0 / 2));
            if decides(middle) { found = middle } else { quiet = middle }
        }
        Some(found)
    }
}

/// Whether a decision changes what the next round decides. A Grant does if live state lets a node through.
fn moves(snapshot: &Snapshot, decision: &Decision) -> bool {
    match decision {
        Decision::CreateRun { .. } | Decision::WritePlan { .. } | Decision::Release { .. } => true,
        Decision::RunStatus { run, status } => snapshot
            .runs
            .get(run)
            .is_some_and(|run| (run.status.phase, run.status.batch) != (status.phase, status.batch)),
        Decision::PolicyStatus { .. } | Decision::Grant { .. } => false,
    }
}

/// Whether something waits for more than nodes to come back: budgets and busy nodes are released by events alone.
fn waits_for_time(snapshot: &Snapshot) -> bool {
    let by_events = ["Budget", "Busy", "TwoPools", "TooManyFailures", "PlanOnly", "NoRepairGuard"];
    let open = snapshot.runs.values().filter(|run| !run.status.phase.is_over());
    let of_runs = open.flat_map(|run| &run.status.blockers);
    let of_policies = snapshot.policy_status.values().flat_map(|status| &status.blockers);
    let timed = snapshot.holds.values().any(|hold| hold.until.is_some());
    timed || of_runs.chain(of_policies).any(|blocker| !by_events.contains(&blocker.reason.as_str()))
}
