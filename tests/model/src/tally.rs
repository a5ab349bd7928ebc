//! Many schedules on several threads, counted as they are played.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::broken::Broken;
use crate::check::Verdict;
use crate::fleet::{Shape, shapes};
use crate::play::play;
use crate::schedule::draw;

/// How many schedules were played, and how many of them went wrong in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Schedules.
    pub schedules: u64,
    /// Schedules in which a budget was exceeded.
    pub over_budget: u64,
    /// Schedules in which something was begun after its run's failure limit.
    pub after_limit: u64,
    /// Schedules in which something was begun under a Hold.
    pub under_hold: u64,
    /// Schedules in which a run did not end.
    pub stuck: u64,
    /// The lowest seed that went wrong.
    pub first_bad: Option<u64>,
}

impl Tally {
    fn add(&mut self, seed: u64, verdict: Verdict) {
        self.schedules += 1;
        self.over_budget += u64::from(verdict.over_budget);
        self.after_limit += u64::from(verdict.after_limit);
        self.under_hold += u64::from(verdict.under_hold);
        self.stuck += u64::from(verdict.stuck);
        if verdict.is_bad() {
            self.first_bad = Some(self.first_bad.map_or(seed, |first| first.min(seed)));
        }
    }

    fn join(self, other: Self) -> Self {
        Self {
            schedules: self.schedules + other.schedules,
            over_budget: self.over_budget + other.over_budget,
            after_limit: self.after_limit + other.after_limit,
            under_hold: self.under_hold + other.under_hold,
            stuck: self.stuck + other.stuck,
            first_bad: [self.first_bad, other.first_bad].into_iter().flatten().min(),
        }
    }

    /// Whether every schedule went well.
    pub const fn is_good(&self) -> bool {
        self.over_budget + self.after_limit + self.under_hold + self.stuck == 0
    }
}

/// Plays the schedules of `count` seeds from `seed` on. `watch` is told now and then how many are played.
pub fn tally(seed: u64, count: u64, threads: usize, broken: Broken, watch: &(dyn Fn(u64) + Sync)) -> Tally {
    let shapes = shapes();
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        let worker = || work(&shapes, &next, seed, count, broken, watch);
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        // A worker that panics has found a fault of the shipped code: the panic goes on here.
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.fold(Tally::default(), |all, one| match one {
            Ok(one) => all.join(one),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn work(
    shapes: &[Shape],
    next: &AtomicU64,
    seed: u64,
    count: u64,
    broken: Broken,
    watch: &(dyn Fn(u64) + Sync),
) -> Tally {
    let mut tally = Tally::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return tally;
        }
        let seed = seed.wrapping_add(number);
        tally.add(seed, play(&draw(seed, shapes), shapes, broken, false).0);
        if number % 10_000 == 9999 {
            watch(number + 1);
        }
    }
}
