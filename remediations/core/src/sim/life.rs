//! The life of one simulated repair: the phases of a saga with their stops, takeovers and outcomes, without its steps.

use std::collections::BTreeMap;

use super::course::{Course, Fate, Shape};
use super::world::{Due, What, World};
use crate::blocker::Blocker;
use crate::decide::{Subject, hold_on, is_stopped, may_begin, too_late};
use crate::ids::{NodeName, NodeUid, RunUid};
use crate::plan::PlannedNode;
use crate::saga::{Journal, Mode, Outcome, STOPPED};
use crate::time::{Span, Time};

/// One repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Name of its node.
    pub node: NodeName,
    /// UID of its node.
    pub node_uid: NodeUid,
    /// Name of its run.
    pub run: String,
    /// UID of its run.
    pub run_uid: RunUid,
    /// Name of its pool.
    pub pool: String,
    /// What the plan says of its node: a finding that has gone by itself ends the repair.
    pub planned: PlannedNode,
    /// Whether it holds the grants of guard and pool.
    pub granted: bool,
    /// Its Remediation is being deleted.
    pub(super) deleting: bool,
    pub(super) stage: Stage,
    /// When the stage is over.
    pub(super) until: Time,
    pub(super) course: Course,
    pub(super) shape: Shape,
    /// Our cordon, and whether the node had been cordoned before.
    pub(super) cordon: Option<bool>,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Stage {
    Waiting,
    Preparing,
    Draining,
    Repairing,
    Rebooting,
    Verifying,
    Held { by_stop: bool },
    Over,
}

/// What stops a repair; `Abort` does so for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Hold,
    Abort,
}

impl Repair {
    /// Whether it waits for a person, or for a Hold to be lifted.
    pub const fn is_held(&self) -> bool {
        matches!(self.stage, Stage::Held { .. })
    }
}

impl World {
    /// A repair by the name of its Remediation, unless it is over.
    pub fn repair(&self, remediation: &str) -> Option<&Repair> {
        self.repairs.get(remediation)
    }

    /// Every repair that is not over, by the name of its Remediation.
    pub const fn repairs(&self) -> &BTreeMap<String, Repair> {
        &self.repairs
    }

    /// A repair looks, and goes on if it can.
    pub(super) fn look(&mut self, name: &str) {
        // Out of the map while it lives: it changes the world that the map is a part of.
        let Some(mut repair) = self.repairs.remove(name) else { return };
        self.live(name, &mut repair);
        if repair.stage == Stage::Over {
            let node = repair.node.clone();
            self.leave(&node);
            if repair.deleting {
                self.snapshot.remediations.remove(name);
            }
        } else {
            self.repairs.insert(name.to_owned(), repair);
        }
    }

    fn live(&mut self, name: &str, repair: &mut Repair) {
        match self.snapshot.nodes.get(&repair.node) {
            None => return self.end(name, repair, Outcome::Skipped),
            Some(node) if node.uid != repair.node_uid => return self.end(name, repair, Outcome::Replaced),
            Some(_) => {}
        }
        match (repair.stage, self.stop(name, repair)) {
            (Stage::Held { by_stop }, stop) => self.held(name, repair, by_stop, stop),
            (Stage::Waiting | Stage::Preparing | Stage::Draining, Some(stop)) => {
                self.give_up(name, repair, stop);
            }
            _ if self.now < repair.until => {}
            (Stage::Rebooting, stop) => {
                self.come_back(repair);
                match stop {
                    Some(stop) => self.hold(name, repair, stop == Stop::Hold),
                    None => self.enter(name, repair, Stage::Verifying, repair.course.verify),
                }
            }
            (_, Some(stop)) => self.hold(name, repair, stop == Stop::Hold),
            (_, None) => self.forward(name, repair),
        }
    }

    /// What stops the repair, by live state.
    fn stop(&self, name: &str, repair: &Repair) -> Option<Stop> {
        let begun = self.snapshot.remediations.get(name).is_some_and(|known| known.journal.is_some());
        let run = self.snapshot.runs.get(&repair.run).filter(|run| run.uid == repair.run_uid);
        let Some(run) = run.filter(|run| !repair.deleting && is_stopped(run).is_none()) else {
            return Some(Stop::Abort);
        };
        if !begun && too_late(run).is_some() {
            return Some(Stop::Abort);
        }
        let unreadable = self.snapshot.undecodable.keys().any(|key| key.starts_with("hold/"));
        let pool = self.snapshot.pools.get(&repair.pool);
        let subject =
            pool.map_or(Subject::named(run, &repair.node), |pool| Subject::node(run, &repair.planned, pool));
        let held = hold_on(self.snapshot.holds.values(), &subject.under_way(), self.now).is_some();
        let granted = repair.granted && self.snapshot.guard.is_some();
        (unreadable || held || !granted).then_some(Stop::Hold)
    }

    /// The stage is over: the next one, if nobody has taken the node over meanwhile.
    fn forward(&mut self, name: &str, repair: &mut Repair) {
        let Course { prepare, drain, repair: change, reboot, verify, fate } = repair.course;
        let cordoned = self.snapshot.nodes.get(&repair.node).is_some_and(|node| node.unschedulable);
        if repair.cordon.is_some() && !cordoned {
            return self.hold(name, repair, false);
        }
        match repair.stage {
            Stage::Waiting => {
                self.begin_journal(name);
                self.enter(name, repair, Stage::Preparing, prepare);
            }
            Stage::Preparing if !repair.planned.evidence.is_empty() && !self.is_failing(&repair.node_uid) => {
                self.end(name, repair, Outcome::Cleared);
            }
            Stage::Preparing if fate == Fate::FailsInPrepare => self.end(name, repair, Outcome::Failed),
            Stage::Preparing if self.is_kept(name, repair) => {}
            Stage::Preparing => {
                self.disrupt(name, repair);
                self.enter(name, repair, Stage::Draining, drain);
            }
            Stage::Draining if fate == Fate::FailsInDrain => {
                self.uncordon(repair);
                self.end(name, repair, Outcome::Failed);
            }
            Stage::Draining => self.enter(name, repair, Stage::Repairing, change),
            Stage::Repairing if repair.shape.reboots => {
                self.set_ready(&repair.node, "Unknown");
                self.enter(name, repair, Stage::Rebooting, reboot);
            }
            Stage::Repairing => self.enter(name, repair, Stage::Verifying, verify),
            Stage::Verifying if fate == Fate::Held => self.hold(name, repair, false),
            Stage::Verifying => self.succeed(name, repair),
            _ => {}
        }
    }

    /// A repair that goes on after a Hold was begun before.
    fn begin_journal(&mut self, name: &str) {
        if self.snapshot.remediations.get(name).is_some_and(|remediation| remediation.journal.is_none()) {
            self.tell(name, What::Begun);
        }
    }

    /// Whether something came in between since the grant; looked at again when it may have gone by itself.
    fn is_kept(&mut self, name: &str, repair: &Repair) -> bool {
        let run = self.snapshot.runs.get(&repair.run).filter(|run| run.uid == repair.run_uid);
        let Some(run) = run else { return true };
        let blockers = may_begin(&self.snapshot, run, &repair.planned, self.now);
        if let Some(until) = blockers.iter().filter_map(|blocker| blocker.until).min() {
            self.queue.push(until.max(self.now.after(Span(1))), Due::Repair(name.to_owned()));
        }
        !blockers.is_empty()
    }

    /// The first disruptive step: the node goes out of service.
    fn disrupt(&mut self, name: &str, repair: &mut Repair) {
        self.tell(name, What::Disrupted);
        if repair.shape.cordons {
            let prior = self.snapshot.nodes.get(&repair.node).is_some_and(|node| node.unschedulable);
            repair.cordon = Some(prior);
            self.change_node(&repair.node, |node| node.unschedulable = true);
        }
    }

    fn come_back(&mut self, repair: &Repair) {
        let boot = self.fresh("boot");
        self.change_node(&repair.node, |node| node.boot_id = boot.into());
        self.set_ready(&repair.node, "True");
    }

    fn succeed(&mut self, name: &str, repair: &mut Repair) {
        self.uncordon(repair);
        self.set_ready(&repair.node, "True");
        let node_uid = repair.node_uid.clone();
        self.clear_findings(&node_uid);
        self.end(name, repair, Outcome::Repaired);
    }

    /// Lifts our cordon, and nobody else's.
    fn uncordon(&mut self, repair: &mut Repair) {
        if repair.cordon.take() == Some(false) {
            self.change_node(&repair.node, |node| node.unschedulable = false);
        }
    }

    /// A stop while the host is unchanged: our cordon is lifted, and the repair waits at its start, or is over.
    fn give_up(&mut self, name: &str, repair: &mut Repair, stop: Stop) {
        self.uncordon(repair);
        if stop == Stop::Abort {
            return self.end(name, repair, Outcome::Skipped);
        }
        if repair.stage != Stage::Waiting {
            self.enter(name, repair, Stage::Waiting, Span(0));
        }
    }

    /// A held repair goes on when the Hold is lifted; otherwise it waits for a person, who ends it by an abort.
    fn held(&mut self, name: &str, repair: &mut Repair, by_stop: bool, stop: Option<Stop>) {
        match stop {
            None if by_stop => self.enter(name, repair, Stage::Verifying, repair.course.verify),
            Some(Stop::Abort) if by_stop => self.hold(name, repair, false),
            Some(Stop::Abort) => self.end(name, repair, Outcome::Failed),
            _ => {}
        }
    }

    pub(super) fn hold(&mut self, name: &str, repair: &mut Repair, by_stop: bool) {
        repair.stage = Stage::Held { by_stop };
        let reason = if by_stop { STOPPED } else { "Held" };
        let blocker = Blocker::new(reason, format!("node/{}", repair.node), "held").since(self.now);
        self.write(name, |journal| {
            journal.mode = Mode::Held;
            journal.reason = Some(reason.to_owned());
            journal.blockers = vec![blocker];
        });
        self.tell(name, What::Held { by_stop });
        // Whoever waits for this very moment (a deletion, say) is looked at once more.
        self.queue.push(self.now, Due::Repair(name.to_owned()));
    }

    pub(super) fn end(&mut self, name: &str, repair: &mut Repair, outcome: Outcome) {
        let now = self.now;
        repair.stage = Stage::Over;
        self.write(name, |journal| {
            journal.mode = Mode::Finished;
            journal.outcome = Some(outcome);
            journal.finished_at = Some(now);
            journal.blockers.clear();
        });
        self.tell(name, What::Ended(outcome));
    }

    fn enter(&mut self, name: &str, repair: &mut Repair, stage: Stage, lasts: Span) {
        repair.stage = stage;
        repair.until = self.now.after(lasts);
        self.write(name, |journal| {
            journal.mode = Mode::Forward;
            journal.reason = None;
            journal.blockers.clear();
        });
        if stage != Stage::Waiting {
            self.queue.push(repair.until, Due::Repair(name.to_owned()));
        }
    }

    fn write(&mut self, name: &str, change: impl FnOnce(&mut Journal)) {
        let (now, epoch) = (self.now, self.snapshot.guard.as_ref().map_or(0, |guard| guard.epoch));
        if let Some(remediation) = self.snapshot.remediations.get_mut(name) {
            let journal = remediation.journal.get_or_insert_default();
            journal.started_at = journal.started_at.or(Some(now));
            journal.epoch = epoch;
            change(journal);
        }
    }
}
