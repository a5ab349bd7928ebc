//! What the saga sees at one moment: the node, what stops it, and the answer to the last operation.

use crate::blocker::Blocker;
use crate::cordon::CordonMark;
use crate::ids::{BootId, Epoch, IntentId, NodeUid};
use crate::op::OpResult;
use crate::saga::Brief;
use crate::snapshot::Operation;
use crate::time::Time;

/// What is seen at one moment. Read live, at most one second old when an effect is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The writer's own epoch.
    pub epoch: Epoch,
    /// The node.
    pub node: NodeObservation,
    /// What stops new steps, if anything does.
    pub stop: Option<Stop>,
    /// What is in the way of the node's first disruptive step; read when that step is next (`awaits_clearance`).
    pub clearance: Option<Vec<Blocker>>,
    /// What people said of this node's steps, in the order in which they said it.
    pub resolutions: Vec<Operation>,
    /// The intent that this very process wrote a moment ago: its effect has not been sent by anybody.
    pub fresh: Option<IntentId>,
    /// The answer to the operation that was asked for last, under the current step.
    pub result: Option<OpResult>,
}

/// What is known of the node object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeObservation {
    /// It was read.
    Live(NodeState),
    /// The API server says that it does not exist.
    Absent,
    /// It could not be read: neither there nor gone.
    Unknown,
}

/// The node object, as far as a repair looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// Its UID: another one is another machine.
    pub uid: NodeUid,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// The cordon mark that it carries, of this or another repair.
    pub cordon: Option<CordonMark>,
    /// Whether it carries our message for the person who finds it.
    pub told: bool,
    /// Whether the condition Ready is True; `None` when it is Unknown or missing.
    pub ready: Option<bool>,
    /// Since when Ready has been what it is.
    pub ready_since: Option<Time>,
    /// `status.nodeInfo.bootID`, as the kubelet last reported it.
    pub boot_id: BootId,
}

impl NodeState {
    /// Whether it carries the cordon mark of this repair.
    pub fn is_cordoned_by(&self, brief: &Brief) -> bool {
        self.cordon
            .as_ref()
            .is_some_and(|mark| (&mark.remediation, &mark.run_uid) == (&brief.remediation, &brief.run_uid))
    }
}

/// The reason of a stop for a process that is not the one of the guard's epoch: another has taken over.
pub const EPOCH_NOT_OURS: &str = "EpochNotOurs";
/// The reason of a stop for want of grants.
pub const NOT_GRANTED: &str = "NotGranted";

/// Why no further step may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// What stops it, for the object's status.
    pub blocker: Blocker,
    /// For good: the run was aborted, or an object is being deleted.
    pub abort: bool,
}

impl Stop {
    /// Whether it stops an undo too, `begun` or still to begin. One that has begun is stopped by another controller alone. It
    /// needs no grant, and an abort does not keep it from putting the node back.
    pub fn binds_undo(&self, begun: bool) -> bool {
        match self.blocker.reason.as_str() {
            EPOCH_NOT_OURS => true,
            NOT_GRANTED => false,
            _ => !begun && !self.abort,
        }
    }
}
