//! Rounds of `decide` in virtual time: after changes, and at the times at which time alone changes what is decided.

use super::report::Ledgers;
use super::world::World;
use crate::decide::{Decision, decide};
use crate::snapshot::Snapshot;
use crate::time::{Span, Time};

/// As in the planner: a round is made at least this often while something waits for what nothing announces.
const AT_LEAST: Span = Span::seconds(10);

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
    /// When time alone changes what is decided.
    look_again: Option<Time>,
    /// When something changed last.
    last_moved: Time,
}

impl Simulation {
    /// A simulation that gathers changes for `gather` before each round.
    pub fn new(world: World, gather: Span) -> Self {
        let began = world.now;
        Self {
            world,
            rounds: 0,
            ledgers: Ledgers::default(),
            began,
            gather: Span(gather.0.max(1)),
            look_again: None,
            last_moved: began,
        }
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
        if self.round() || self.world.stirred {
            self.last_moved = self.world.now;
            self.world.stirred = false;
            let to = self.world.now.after(self.gather).min(limit);
            self.world.advance(to);
            return true;
        }
        let point = self.look_again.into_iter().chain(self.calm_point());
        let point = point.filter(|at| *at > self.world.now && *at <= limit).min();
        let until = point.unwrap_or(limit);
        self.world.stirred = false;
        while !self.world.stirred
            && let Some(due) = self.world.next_due().filter(|due| *due <= until)
        {
            self.world.advance(due.after(self.gather).min(until));
        }
        if !self.world.stirred
            && let Some(point) = point
        {
            self.world.advance(point);
        }
        if self.world.stirred {
            self.last_moved = self.world.now;
        }
        self.world.stirred || point.is_some()
    }

    /// When to look whether a storm has calmed down, which nothing announces; not for ever, if no node changes any more.
    fn calm_point(&self) -> Option<Time> {
        let pools = self.world.snapshot.pools.values().filter(|pool| pool.storm_state.is_some());
        let longest = pools.map(|pool| pool.storm.calm.0.saturating_add(pool.storm.within.0)).max()?;
        let end = self.last_moved.after(Span(longest)).after(Span::minutes(1));
        let next = self.world.now.after(AT_LEAST.max(self.gather));
        (next <= end).then_some(next)
    }

    /// Decides and carries out. Whether anything moved, so that the next round may decide something else.
    pub fn round(&mut self) -> bool {
        self.rounds += 1;
        let repairs = self.world.snapshot.remediations.len();
        let mut moved = false;
        self.look_again = None;
        for decision in decide(&self.world.snapshot, self.world.now) {
            if let Decision::LookAgain { at } = decision {
                self.look_again = Some(at);
            }
            moved |= moves(&self.world.snapshot, &decision);
            self.world.carry_out(decision);
        }
        self.world.complete_grants(self.world.leader());
        self.world.collect_garbage();
        moved |= self.world.snapshot.remediations.len() != repairs;
        self.ledgers.take(&mut self.world);
        moved
    }
}

/// Whether a decision changes what the next round decides. A Grant does if live state lets a node through.
fn moves(snapshot: &Snapshot, decision: &Decision) -> bool {
    match decision {
        Decision::CreateRun { .. }
        | Decision::WritePlan { .. }
        | Decision::Release { .. }
        | Decision::Storm { .. }
        | Decision::Ask { .. } => true,
        Decision::RunStatus { run, status } => snapshot
            .runs
            .get(run)
            .is_some_and(|run| (run.status.phase, run.status.batch) != (status.phase, status.batch)),
        Decision::PolicyStatus { .. }
        | Decision::Grant { .. }
        | Decision::LookAgain { .. }
        | Decision::Orphan { .. } => false,
    }
}
