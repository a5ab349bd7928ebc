//! One state of the whole: what is stored, the machines, the controllers, and what is on its way between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use nodemend_core::budget::Grant;
use nodemend_core::ids::{Epoch, IntentId, NodeName};
use nodemend_core::op::{Op, OpResult};
use nodemend_core::plan::PlannedNode;
use nodemend_core::saga::{Journal, Mode};
use nodemend_core::snapshot::{Guard, RunStatus};

use super::host::Host;
use super::invariant::Invariant;
use super::stored::Stored;
use super::trouble::Trouble;

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The API server.
    pub stored: Arc<Stored>,
    /// The machines, by the names of their nodes.
    pub hosts: BTreeMap<NodeName, Arc<Host>>,
    /// The controllers that run, the oldest epoch first. Each process has an epoch of its own.
    pub processes: Vec<Process>,
    /// Requests that have been sent and have not arrived.
    pub wire: BTreeSet<Late>,
    /// What may still go wrong.
    pub trouble: Trouble,
    /// What did not hold on the way here.
    pub broken: BTreeSet<Invariant>,
    /// Remediations whose journal was begun at any time: a name stands for one node of one run.
    pub begun: BTreeSet<String>,
}

/// One controller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// The epoch that it took when it started.
    pub epoch: Epoch,
    /// What its watches know, if they lag behind what is stored.
    pub lags: Option<Arc<Stored>>,
    /// What its planner has still to do in this round.
    pub todo: VecDeque<Todo>,
    /// What it knows of each saga beyond the journal.
    pub slots: BTreeMap<String, Slot>,
}

/// One thing that a planner does, between two of which anything may happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Todo {
    /// Write a run's status.
    Status(String, Box<RunStatus>),
    /// Find out which of these grants may be given back.
    Release(Vec<Grant>),
    /// Take the grants of these Remediations out of the pool.
    ReleaseInPool(BTreeSet<String>),
    /// Take them out of the guard.
    ReleaseInGuard(BTreeSet<String>),
    /// Read what is live, for these nodes of a run.
    Grant(String, Vec<(u32, PlannedNode)>),
    /// Read what is live, for what lacks grants.
    Complete,
    /// Create Remediations for nodes of a run, as far as what was read allows.
    Create(Box<Reading>),
    /// Write grants into the guard that was read.
    GrantInGuard(Box<Granting>),
    /// Write grants into the pool.
    GrantInPool(Vec<Grant>),
}

/// What grants are decided on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reading {
    /// What was read.
    pub read: Arc<Stored>,
    /// What was stored at that moment, for the invariants.
    pub truth: Arc<Stored>,
    /// The run and its nodes; none if only what lacks grants is looked for.
    pub wanted: Option<(String, Vec<(u32, PlannedNode)>)>,
}

/// Grants about to be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Granting {
    /// The guard as it was read.
    pub guard: Guard,
    /// The grants.
    pub grants: Vec<Grant>,
    /// What was stored when it was read, for the invariants.
    pub truth: Arc<Stored>,
}

/// What a process knows of one saga: lost with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Slot {
    /// The intent that it wrote and whose effect it has not sent.
    pub fresh: Option<IntentId>,
    /// The answer to the last operation: to what, and whether it was the first under a fresh intent.
    pub answer: Option<(Key, OpResult, Option<IntentId>)>,
}

/// What an operation belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Mode, pub Option<IntentId>);

/// A request that arrives late, if ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Late {
    /// A journal, on the one that it was decided on.
    Journal(String, Box<(Option<Journal>, Journal)>),
    /// An operation.
    Op(Box<Sent>),
}

/// An operation that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sent {
    /// For which Remediation.
    pub remediation: String,
    /// What.
    pub op: Op,
    /// The version of the node that a patch was made for.
    pub version: u8,
    /// What the live re-check had to say, for the invariants.
    pub seen: Seen,
}

/// What was true at the moment of a live re-check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seen {
    /// A Hold, an abort, a deletion, or a later epoch.
    pub stopped: bool,
    /// Both grants stood.
    pub granted: bool,
}

impl State {
    /// What is stored, to be changed.
    pub fn store(&mut self) -> &mut Stored {
        Arc::make_mut(&mut self.stored)
    }

    /// A process.
    pub fn process(&self, epoch: Epoch) -> Option<&Process> {
        self.processes.iter().find(|process| process.epoch == epoch)
    }

    /// A process, to be changed.
    pub fn process_mut(&mut self, epoch: Epoch) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.epoch == epoch)
    }

    /// What the watches of a process know.
    pub fn known(&self, epoch: Epoch) -> Option<Arc<Stored>> {
        let process = self.process(epoch)?;
        Some(process.lags.clone().unwrap_or_else(|| self.stored.clone()))
    }

    /// An invariant did not hold, if the condition is met.
    pub fn breaks(&mut self, invariant: Invariant, condition: bool) {
        if condition {
            self.broken.insert(invariant);
        }
    }
}

impl Key {
    /// Where a journal is.
    pub fn of(journal: &Journal) -> Self {
        Self(journal.mode, current_intent(journal))
    }
}

/// The intent of the step that is under way.
pub fn current_intent(journal: &Journal) -> Option<IntentId> {
    let step = journal.current().and_then(|index| journal.steps.get(index));
    step.and_then(|step| step.intent.clone())
}

impl Process {
    /// A process that has just taken its epoch.
    pub const fn new(epoch: Epoch) -> Self {
        Self { epoch, lags: None, todo: VecDeque::new(), slots: BTreeMap::new() }
    }
}
