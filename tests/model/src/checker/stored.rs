//! The API server: objects, what else is written on nodes, and the rules of a write. A version is the content itself: who
//! writes on what is no longer stored gets a conflict.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use nodemend_core::cordon::CordonMark;
use nodemend_core::ids::{Epoch, NodeName};
use nodemend_core::saga::{Journal, NodeObservation, NodeState};
use nodemend_core::snapshot::{RunStatus, Snapshot};

use super::setting::NOW;

/// What is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The objects.
    pub snapshot: Snapshot,
    /// What is written on each node beside its row.
    pub marks: BTreeMap<NodeName, Marks>,
    /// Remediations whose finalizer is off: marked as finished.
    pub ended: BTreeSet<String>,
}

/// What is written on a node, and what people did to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Marks {
    /// The cordon mark.
    pub cordon: Option<CordonMark>,
    /// Whether it carries our message.
    pub told: bool,
    /// Rises with each write to the node by us or by people: a patch on an earlier one is refused.
    pub version: u8,
    /// A person cordoned it while it was schedulable.
    pub cordoned_by_person: bool,
    /// A person lifted our cordon.
    pub lifted_by_person: bool,
}

/// Pages never change: they would only make every comparison longer.
impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let all = &self.snapshot;
        (&all.guard, &all.pools, &all.nodes, &all.runs, &all.remediations, &all.holds).hash(state);
        (&self.marks, &self.ended).hash(state);
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        let (all, others) = (&self.snapshot, &other.snapshot);
        (&all.guard, &all.pools, &all.nodes, &all.runs, &all.remediations, &all.holds)
            == (
                &others.guard,
                &others.pools,
                &others.nodes,
                &others.runs,
                &others.remediations,
                &others.holds,
            )
            && (&self.marks, &self.ended) == (&other.marks, &other.ended)
    }
}

impl Eq for Stored {}

impl Stored {
    /// The node as a saga reads it.
    pub fn observe(&self, name: &NodeName) -> NodeObservation {
        let Some(node) = self.snapshot.nodes.get(name) else { return NodeObservation::Absent };
        let marks = self.marks.get(name).cloned().unwrap_or_default();
        NodeObservation::Live(NodeState {
            uid: node.uid.clone(),
            unschedulable: node.unschedulable,
            cordon: marks.cordon,
            told: marks.told,
            ready: node.ready(),
            ready_since: Some(NOW),
            boot_id: node.boot_id.clone(),
        })
    }

    /// What a consistent list of what grants are decided on has: runs that are not over, and Remediations that have not
    /// ended well.
    pub fn live(&self) -> Snapshot {
        let mut live = self.snapshot.clone();
        live.runs.retain(|_, run| !run.status.phase.is_over());
        let well = |outcome| outcome != nodemend_core::saga::Outcome::Failed;
        live.remediations.retain(|name, row| !(self.ended.contains(name) && row.outcome().is_some_and(well)));
        live.holds.clear();
        live
    }

    /// The highest epoch that guard and journals know.
    pub fn highest_epoch(&self) -> Epoch {
        let journals =
            self.snapshot.remediations.values().filter_map(|row| Some(row.journal.as_ref()?.epoch));
        journals.chain(self.snapshot.guard.iter().map(|guard| guard.epoch)).max().unwrap_or_default()
    }
}

/// A journal without what only people read, and without lengths of time.
pub fn settled(mut journal: Journal) -> Journal {
    journal.message = None;
    journal.blockers.clear();
    journal.started_at = journal.started_at.map(|_| NOW);
    journal.finished_at = journal.finished_at.map(|_| NOW);
    for step in &mut journal.steps {
        (step.message, step.noted_at) = (None, None);
        step.started_at = step.started_at.map(|_| NOW);
        step.finished_at = step.finished_at.map(|_| NOW);
    }
    journal
}

/// The same for a run.
pub fn settled_run(mut status: RunStatus) -> RunStatus {
    status.message = None;
    status.blockers.clear();
    status.longest_repair = None;
    status
}
