//! The simulated cluster: its objects, the repairs under way in it, and what is due.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::course::{Fate, Settings};
use super::gauge::Gauges;
use super::life::Repair;
use super::queue::Queue;
use crate::finding::CheckState;
use crate::ids::{Epoch, NodeName, NodeUid};
use crate::saga::Outcome;
use crate::snapshot::{Condition, Node, Snapshot};
use crate::time::Time;

/// Something that is due at a point in virtual time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// A repair goes on, by the name of its Remediation.
    Repair(String),
    /// Something happens to the cluster.
    Change(Box<Change>),
}

/// Something that became of a repair, for whoever looks on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// When.
    pub at: Time,
    /// Which Remediation.
    pub remediation: String,
    /// What.
    pub what: What,
}

/// What became of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// It holds both grants: from now on it may start.
    Granted {
        /// Whether its node was in service until then.
        available: bool,
    },
    /// It was begun: its journal is there.
    Begun,
    /// Its first disruptive step was begun.
    Disrupted,
    /// It waits for a person, or for a Hold to be lifted.
    Held {
        /// For a Hold to be lifted; a person is not needed.
        by_stop: bool,
    },
    /// It is over.
    Ended(Outcome),
    /// Its Remediation was taken away before it was over.
    Lost,
}

/// The simulated cluster.
#[derive(Debug, Clone)]
pub struct World {
    /// Its objects, as they are stored.
    pub snapshot: Snapshot,
    /// Virtual time.
    pub now: Time,
    /// What repairs are like.
    pub settings: Settings,
    /// Nodes whose repair is not drawn but goes like this, by name.
    pub fates: BTreeMap<NodeName, Fate>,
    /// Whether the gates of rollouts answer with no.
    pub gates_closed: bool,
    /// What happened since somebody took it out.
    pub facts: Vec<Fact>,
    /// Counts unavailable nodes, if somebody wants to know.
    pub gauges: Option<Gauges>,
    pub(super) repairs: BTreeMap<String, Repair>,
    pub(super) lacking: BTreeSet<String>,
    pub(super) queue: Queue<Due>,
    /// Whether something has changed that is decided on: phases of repairs that go on change nothing.
    pub stirred: bool,
    made: u64,
    /// The epoch of a guard that was deleted: the processes that write have theirs still.
    pub(super) epoch_before: Epoch,
}

impl World {
    /// A world that begins with these objects. Reports no longer expire: the prober goes on looking.
    pub fn new(mut snapshot: Snapshot, now: Time, settings: Settings) -> Self {
        for report in snapshot.reports.values_mut().flat_map(BTreeMap::values_mut) {
            if report.expires_at > now {
                report.expires_at = Time(i64::MAX);
            }
        }
        let mut world = Self {
            snapshot,
            now,
            settings,
            fates: BTreeMap::new(),
            gates_closed: false,
            facts: Vec::new(),
            gauges: None,
            repairs: BTreeMap::new(),
            lacking: BTreeSet::new(),
            queue: Queue::default(),
            stirred: false,
            made: 0,
            epoch_before: 0,
        };
        world.adopt();
        world
    }

    /// Has `change` happen at `at`.
    pub fn schedule(&mut self, at: Time, change: Change) {
        self.queue.push(at, Due::Change(Box::new(change)));
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Time> {
        self.queue.next_at()
    }

    /// Has everything happen that is due until `to`, which is then the time. Whether anything did.
    pub fn advance(&mut self, to: Time) -> bool {
        let mut any = false;
        while let Some(at) = self.queue.next_at().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            match self.queue.pop(at) {
                Some(Due::Repair(name)) => self.look(&name),
                Some(Due::Change(change)) => self.apply(*change),
                None => break,
            }
            any = true;
        }
        self.now = self.now.max(to);
        any
    }

    /// A text that no object of this world has had as its UID or boot id.
    pub(super) fn fresh(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}", self.made)
    }

    pub(super) fn tell(&mut self, remediation: &str, what: What) {
        self.stirred |= !matches!(what, What::Begun | What::Disrupted);
        self.facts.push(Fact { at: self.now, remediation: remediation.to_owned(), what });
    }

    /// Changes a node, and has the gauges follow.
    pub(super) fn change_node(&mut self, name: &NodeName, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.snapshot.nodes.get_mut(name) {
            change(node);
            self.measure(name);
        }
    }

    /// Sets the condition Ready, which changes its time only if it changes.
    pub(super) fn set_ready(&mut self, name: &NodeName, status: &str) {
        let now = self.now;
        self.change_node(name, |node| {
            let ready = node.conditions.entry("Ready".to_owned());
            let ready = ready.or_insert_with(|| Condition { status: String::new(), since: None });
            if ready.status != status {
                *ready = Condition { status: status.to_owned(), since: Some(now) };
            }
        });
    }

    /// Every finding of the node is gone, as the prober sees it.
    pub(super) fn clear_findings(&mut self, node: &NodeUid) {
        let reports = self.snapshot.reports.get_mut(node).into_iter().flat_map(BTreeMap::values_mut);
        for result in reports.flat_map(|report| report.results.values_mut()) {
            result.state = CheckState::Pass;
            result.failing_since = None;
            result.observed_at = self.now;
        }
    }

    /// Counts the node anew, wherever it counts.
    pub(super) fn measure(&mut self, name: &NodeName) {
        if let Some(gauges) = &mut self.gauges {
            gauges.measure(name, self.snapshot.nodes.get(name), self.now);
        }
    }

    /// Every repair looks again: a Hold, a run or a grant may have changed.
    pub(super) fn wake(&mut self) {
        for name in self.repairs.keys() {
            self.queue.push(self.now, Due::Repair(name.clone()));
        }
    }
}
