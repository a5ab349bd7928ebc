//! One moment of a run: everything that a view shows.

use nodemend_core::blocker::Blocker;
use nodemend_core::decide::plan_of;
use nodemend_core::ids::remediation_name;
use nodemend_core::saga::Journal;
use nodemend_core::snapshot::{Remediation, RunPhase, Snapshot};

use crate::cli::repair::{self, Progress};

/// One moment of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) run: String,
    pub(super) phase: RunPhase,
    pub(super) message: Option<String>,
    /// Somebody has deleted it, and it waits for its end.
    pub(super) deleting: bool,
    pub(super) plan_only: bool,
    /// From 0.
    pub(super) batch: u32,
    pub(super) batches: u32,
    pub(super) nodes: Vec<NodeLine>,
    pub(super) blockers: Vec<Blocker>,
}

/// One node of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeLine {
    pub(super) name: String,
    pub(super) progress: Progress,
    pub(super) remediation: Option<Remediation>,
}

impl Frame {
    /// The run of this name, as it stands.
    pub(super) fn of(snapshot: &Snapshot, name: &str) -> Option<Self> {
        let run = snapshot.runs.get(name)?;
        let planned = plan_of(snapshot, run).map(|(_, nodes)| nodes).unwrap_or_default();
        let nodes = planned.into_iter().zip(run.status.nodes.marks()).map(|((_, node), mark)| {
            let remediation = snapshot.remediations.get(&remediation_name(&run.uid, &node.uid));
            NodeLine {
                name: node.name.to_string(),
                progress: repair::planned(remediation, mark),
                remediation: remediation.cloned(),
            }
        });
        Some(Self {
            run: run.name.clone(),
            phase: run.status.phase,
            message: run.status.message.clone(),
            deleting: run.deleting,
            plan_only: run.request.plan_only,
            batch: run.status.batch,
            batches: run.status.plan.as_ref().map_or(0, |plan| plan.batches),
            nodes: nodes.collect(),
            blockers: run.status.blockers.clone(),
        })
    }

    /// Whether it went well, once nothing more happens without a person.
    pub(super) fn success(&self) -> Option<bool> {
        match self.phase {
            RunPhase::Succeeded => Some(true),
            phase if phase.is_over() => Some(false),
            RunPhase::Stopped if !self.nodes.iter().any(NodeLine::is_moving) => Some(false),
            RunPhase::Planned if self.plan_only => Some(true),
            _ => None,
        }
    }

    /// How many nodes have an outcome.
    pub(super) fn done(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_over()).count()
    }
}

impl NodeLine {
    /// Its journal, once its repair has begun.
    pub(super) fn journal(&self) -> Option<&Journal> {
        self.remediation.as_ref()?.journal.as_ref()
    }

    /// What it waits for.
    pub(super) fn blockers(&self) -> &[Blocker] {
        self.journal().map_or(&[], |journal| &journal.blockers)
    }

    /// Whether it has an outcome.
    pub(super) fn is_over(&self) -> bool {
        self.remediation.as_ref().is_some_and(Remediation::is_finished)
    }

    /// Whether something still happens to it by itself.
    pub(super) fn is_moving(&self) -> bool {
        self.remediation
            .as_ref()
            .is_some_and(|remediation| !remediation.is_finished() && !remediation.is_held())
    }
}
