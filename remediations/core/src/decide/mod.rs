//! `decide`: what the fleet does next, with reasons. Pure: the planner task only carries it out.

mod gates;
mod holds;
mod limits;
mod live;
mod policies;
mod progress;
mod questions;
mod round;
mod runs;
mod start;
mod storm;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
mod when;

use crate::budget::Grant;
use crate::cordon::CordonMark;
use crate::ids::{NodeName, NodeUid, RunUid};
use crate::orphan::{Verdict, orphan};
use crate::plan::PlannedNode;
use crate::plan::page::Sealed;
use crate::rollout::storm::Turn;
use crate::rollout::{Asked, Gate};
use crate::snapshot::{Fleet, RunRequest, RunStatus, Snapshot};
use crate::time::Time;

pub use gates::{audit_closed, is_resolve, is_stopped, undecodable};
pub use holds::{Subject, applies, hold_on};
pub use limits::too_late;
pub use live::{Lacking, allowed, is_remembered, lacking, may_begin, may_not_start};
pub use policies::{PolicyStatus, newest};
pub use round::plan_of;

/// One thing to carry out. Each is safe to lose: the next round finds it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Create a run for a policy. The name is derived, so that it cannot be created twice.
    CreateRun {
        /// Name of the new run.
        name: String,
        /// Name of the policy.
        policy: String,
        /// What it is asked.
        request: Box<RunRequest>,
    },
    /// Write a plan's pages, then its summary into the run's status.
    WritePlan {
        /// Name of the run.
        run: String,
        /// UID of the run.
        run_uid: RunUid,
        /// The plan.
        sealed: Box<Sealed>,
    },
    /// Ask for grants, which live reads have to allow: Remediations, then guard, then pool.
    Grant {
        /// Name of the run.
        run: String,
        /// UID of the run.
        run_uid: RunUid,
        /// Name of the pool.
        pool: String,
        /// The nodes, with the index of the page that has each.
        nodes: Vec<(u32, PlannedNode)>,
    },
    /// Give grants back whose Remediation is over or, after a live read, absent.
    Release {
        /// The grants.
        grants: Vec<Grant>,
    },
    /// Ask a gate; its answer has to be in the snapshot of a later round.
    Ask {
        /// Which gate of which run, about what.
        asked: Asked,
        /// The question.
        gate: Box<Gate>,
    },
    /// Make or lift the storm Hold of a pool, and remember why: Hold first when it is made, state first when it goes.
    Storm {
        /// Name of the pool.
        pool: String,
        /// What changes.
        turn: Box<Turn>,
    },
    /// Lift a cordon of ours that nobody answers for, or tell a person about it.
    Orphan {
        /// The node.
        node: NodeName,
        /// Its UID.
        node_uid: NodeUid,
        /// The mark of the cordon.
        mark: Box<CordonMark>,
        /// What to do about it.
        verdict: Verdict,
    },
    /// Write a run's status.
    RunStatus {
        /// Name of the run.
        run: String,
        /// The status as it should be.
        status: Box<RunStatus>,
    },
    /// Write a policy's status.
    PolicyStatus {
        /// Name of the policy.
        policy: String,
        /// The status as it should be.
        status: Box<PolicyStatus>,
    },
    /// Decide again at this time, though nothing changes until then.
    LookAgain {
        /// When.
        at: Time,
    },
}

/// What the fleet does next. Order matters: what is over is given back and what a storm forbids is held before anything
/// new is asked for, runs before policies that would make more of them.
pub fn decide(snapshot: &Snapshot, now: Time) -> Vec<Decision> {
    let storms = storm::storms(snapshot, now);
    let held = storm::held(snapshot, &storms);
    let fleet = Fleet::new(&held);
    let mut round = round::Round::new(&fleet, now);
    round.decisions.extend(sweep::sweep(&held).into_iter().chain(storms));
    runs::runs(&mut round);
    policies::policies(&mut round);
    round.decisions.extend(orphans(&held));
    round.into_decisions()
}

/// Cordons of ours that nobody answers for.
fn orphans(snapshot: &Snapshot) -> impl Iterator<Item = Decision> {
    snapshot.nodes.values().filter_map(|node| {
        let verdict = orphan(snapshot, node)?;
        let mark = node.cordon.clone()?;
        Some(Decision::Orphan { node: node.name.clone(), node_uid: node.uid.clone(), mark, verdict })
    })
}
