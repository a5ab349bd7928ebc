//! Plays a schedule: two controllers with the shipped `decide`, each with its own caches, clock and luck.

use nodemend_core::budget::{Budget, IntOrPercent};
use nodemend_core::decide::{Decision, decide};
use nodemend_core::ids::{Epoch, NodeName};
use nodemend_core::sim::grants::Wanted;
use nodemend_core::sim::{Change, Cut, World, Writer};
use nodemend_core::snapshot::{Guard, Node, Snapshot};
use nodemend_core::time::{Span, Time};

use crate::broken::Broken;
use crate::check::{Checker, Verdict};
use crate::fleet::{START, Shape};
use crate::schedule::{Event, Loss, Schedule};

/// Changes are gathered for this long before a round: longer than the planner does it, for cheaper schedules.
const GATHER: Span = Span::seconds(20);
/// Rounds after which a controller that still decides something is left for the next change.
const ROUNDS: u32 = 4;
/// How long it is waited for something that time alone brings once everything is in order.
const IN_ORDER: Span = Span::minutes(24 * 60);
/// Turns within which everything has to be over once nothing is in the way any more.
const TURNS: u32 = 500;

/// One process.
#[derive(Debug, Default)]
struct Controller {
    epoch: Epoch,
    /// What its caches show, if they stand still.
    view: Option<Box<Snapshot>>,
    skew: i64,
    loss: Option<Loss>,
}

struct Play {
    world: World,
    controllers: [Controller; 2],
    leader: usize,
    checker: Checker,
    broken: Broken,
    /// When time alone changes what the leader decides.
    look_again: Option<Time>,
}

/// Plays `schedule`, and says what was wrong; with the trace, if it is wanted.
pub fn play(schedule: &Schedule, shapes: &[Shape], broken: Broken, trace: bool) -> (Verdict, Vec<String>) {
    let shape = &shapes[schedule.shape];
    let mut snapshot = shape.snapshot.clone();
    for (pool, budget) in snapshot.pools.values_mut().rev().zip(&schedule.budgets) {
        pool.budget = budget.clone();
    }
    if let Some(guard) = &mut snapshot.guard {
        guard.budget.clone_from(&schedule.cluster);
    }
    let mut world = World::new(snapshot, START, schedule.settings);
    broken.prepare(&mut world);
    let mut play = Play {
        world,
        controllers: [Controller { epoch: 1, ..Controller::default() }, Controller::default()],
        leader: 0,
        checker: Checker::new(&schedule.budgets, schedule.cluster.clone(), shape.rollouts.clone(), trace),
        broken,
        look_again: None,
    };
    play.rounds();
    for (at, event) in &schedule.events {
        play.run_to(*at);
        if play.happen(event.clone()) {
            play.rounds();
        }
    }
    play.settle();
    (play.checker.verdict, play.checker.trace.take().unwrap_or_default())
}

impl Play {
    /// Lets time pass until `to`, with a round after everything that may change a decision.
    fn run_to(&mut self, to: Time) {
        while let Some(point) = self.next_point().filter(|point| *point <= to) {
            let timed = self.look_again.is_some_and(|at| at <= point);
            self.world.stirred = false;
            self.world.advance(point.after(GATHER).min(to));
            self.checker.see(&mut self.world);
            if self.world.stirred || timed {
                self.rounds();
            }
        }
        self.world.advance(to);
    }

    fn next_point(&self) -> Option<Time> {
        self.world.next_due().into_iter().chain(self.look_again).min()
    }

    fn note_look_again(&mut self, decisions: &[Decision], who: usize) {
        let at = decisions.iter().find_map(|decision| match decision {
            Decision::LookAgain { at } => Some(*at),
            _ => None,
        });
        // In the time of the world, whatever the controller's clock says.
        let ahead = at.map(|at| at.since(self.clock(who)));
        self.look_again = ahead.map(|ahead| self.world.now.after(ahead).after(Span(1)));
    }

    /// Whether the leader has something new to look at.
    fn happen(&mut self, event: Event) -> bool {
        self.checker.say(&self.world, || format!("{event:?}"));
        match event {
            Event::World(change) => self.change(change),
            Event::Restart(who) => self.restart(who),
            Event::Thaw(who) => self.controllers[who].view = None,
            Event::Both => {
                self.round(1 - self.leader);
            }
            Event::Overtake => self.overtake(),
            Event::Freeze(who) => {
                self.controllers[who].view = Some(Box::new(self.world.snapshot.clone()));
                return false;
            }
            Event::Jump(who, seconds) => {
                self.checker.clocks_are_right = false;
                self.controllers[who].skew += seconds;
                return false;
            }
            Event::Lose(who, loss) => {
                self.controllers[who].loss = Some(loss);
                return false;
            }
        }
        true
    }

    fn change(&mut self, change: Change) {
        self.checker.hear(&change);
        if let Some(change) = self.broken.hear(change) {
            self.world.apply(change);
            self.world.advance(self.world.now);
        }
        self.checker.see(&mut self.world);
    }

    /// Another process takes the place of `who`, and the epoch.
    fn restart(&mut self, who: usize) {
        let highest = self.controllers.iter().map(|controller| controller.epoch).max().unwrap_or(0);
        let Some(guard) = &mut self.world.snapshot.guard else { return };
        guard.epoch = guard.epoch.max(highest) + 1;
        self.controllers[who] = Controller { epoch: guard.epoch, ..Controller::default() };
        self.leader = who;
    }

    /// Rounds of the leader until it has nothing more to decide.
    fn rounds(&mut self) {
        for _ in 0..ROUNDS {
            if !self.round(self.leader) {
                return;
            }
        }
    }

    fn decide(&self, who: usize) -> Vec<Decision> {
        let view = self.controllers[who].view.as_deref().unwrap_or(&self.world.snapshot);
        decide(view, self.clock(who))
    }

    /// What the clock of `who` says.
    fn clock(&self, who: usize) -> Time {
        self.world.now.after(Span::seconds(self.controllers[who].skew))
    }

    fn writer(&self, who: usize, cut: Cut) -> Writer {
        Writer { epoch: self.controllers[who].epoch, now: self.clock(who), cut }
    }

    /// One round of `who`; whether it decided anything.
    fn round(&mut self, who: usize) -> bool {
        let decisions = self.decide(who);
        let loss = self.controllers[who].loss.take();
        let any = decisions.iter().any(|decision| self.moves(decision));
        self.note_look_again(&decisions, who);
        let writer = self.writer(who, cut(loss));
        for (place, decision) in decisions.into_iter().enumerate() {
            if loss == Some(Loss::One(place)) || self.broken.loses(&decision) {
                continue;
            }
            self.checker.say(&self.world, || format!("{who} decides {}", told(&decision)));
            self.world.carry_out_as(decision, writer);
            self.checker.see(&mut self.world);
        }
        self.world.complete_grants(writer);
        self.world.advance(self.world.now);
        self.world.collect_garbage();
        self.checker.see(&mut self.world);
        // Caches that stand still show the same again.
        (any && self.controllers[who].view.is_none()) || loss.is_some()
    }

    /// Whether another round may decide something else after this decision.
    fn moves(&self, decision: &Decision) -> bool {
        match decision {
            Decision::LookAgain { .. } | Decision::PolicyStatus { .. } => false,
            Decision::RunStatus { run, status } => self
                .world
                .snapshot
                .runs
                .get(run)
                .is_some_and(|run| (run.status.phase, run.status.batch) != (status.phase, status.batch)),
            _ => true,
        }
    }

    /// The leader has read what it grants by; another process takes over and acts; then the leader writes.
    fn overtake(&mut self) {
        let old = self.leader;
        let writer = self.writer(old, Cut::Never);
        let mut read = Vec::new();
        for decision in self.decide(old) {
            if let Decision::Grant { run, run_uid, pool, nodes } = decision {
                read.push(self.world.allowed(Wanted { run, run_uid, pool, nodes }, writer));
            }
        }
        self.restart(1 - old);
        self.rounds();
        for allowed in read {
            self.world.create(&allowed);
            self.world.complete_grants(writer);
            self.checker.see(&mut self.world);
        }
    }

    /// Everything that is in the way goes; then every run has to end.
    fn settle(&mut self) {
        self.clear_the_way();
        let begun = self.world.now;
        for _ in 0..TURNS {
            self.rounds();
            if self.world.snapshot.runs.values().all(|run| run.status.phase.is_over()) {
                return;
            }
            match self.next_point() {
                Some(point) => self.run_to(point.after(GATHER)),
                None if self.put_in_order() => {}
                None if self.world.now < begun.after(IN_ORDER) => {
                    self.run_to(self.world.now.after(Span::minutes(30)));
                }
                None => break,
            }
        }
        self.checker.verdict.stuck = true;
        let open = self.world.snapshot.runs.values().filter(|run| !run.status.phase.is_over());
        let open = open.map(|run| format!("{}: {:?}", run.name, run.status)).collect::<Vec<_>>();
        self.checker.say(&self.world, || format!("STUCK: {}", open.join("; ")));
    }

    fn clear_the_way(&mut self) {
        self.checker.say(&self.world, || "everything is put in order".to_owned());
        let holds: Vec<String> = self.checker.holds.keys().cloned().collect();
        for hold in holds {
            self.change(Change::Release(hold));
        }
        self.change(Change::Guard(Some(Box::new(Guard::default()))));
        let many = Budget::of(IntOrPercent::Int(8));
        let pools: Vec<_> = self.world.snapshot.pools.values().cloned().collect();
        for mut pool in pools {
            pool.budget = many.clone();
            self.change(Change::Pool(Box::new(pool)));
        }
        self.restart(0);
        self.put_in_order();
    }

    /// People repair what nobody is at work on, and end what is held. Whether there was anything to do.
    fn put_in_order(&mut self) -> bool {
        let held = self.world.repairs().values().filter(|repair| repair.is_held());
        let held: Vec<NodeName> = held.map(|repair| repair.node.clone()).collect();
        let any = !held.is_empty();
        for node in held {
            self.change(Change::HeldEnded(node));
        }
        let busy = |node: &Node| self.world.repairs().values().any(|repair| repair.node == node.name);
        let broken = self.world.snapshot.nodes.values().filter(|node| !node.is_available() && !busy(node));
        let broken: Vec<NodeName> = broken.map(|node| node.name.clone()).collect();
        let any = any || !broken.is_empty();
        for node in broken {
            self.change(Change::Ready(node.clone(), "True"));
            self.change(Change::Uncordon(node));
        }
        any
    }
}

const fn cut(loss: Option<Loss>) -> Cut {
    match loss {
        Some(Loss::Grants) => Cut::AfterRemediations,
        Some(Loss::PoolGrants) => Cut::AfterGuard,
        Some(Loss::One(_)) | None => Cut::Never,
    }
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Grant { run, nodes, .. } => {
            let names: Vec<_> = nodes.iter().map(|(_, node)| node.name.as_str()).collect();
            format!("to grant {} of {run}", names.join(", "))
        }
        Decision::RunStatus { run, status } => {
            format!("{run} is {:?} {} {:?}", status.phase, status.nodes, status.blockers.first())
        }
        Decision::Release { grants } => {
            let names: Vec<_> = grants.iter().map(|grant| grant.node.as_str()).collect();
            format!("to release {}", names.join(", "))
        }
        other => format!("{other:?}").chars().take(80).collect(),
    }
}
