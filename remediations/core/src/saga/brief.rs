//! What a saga is about: fixed by the plan, the same from its first to its last reconcile.

use serde::{Deserialize, Serialize};

use super::observation::NodeState;
use crate::cordon::CordonMark;
use crate::drain::DrainRule;
use crate::ids::{CheckId, RunUid};
use crate::plan::PlannedNode;
use crate::playbook::Step;
use crate::time::Time;

/// Everything about one node's repair that does not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// Name of the Remediation.
    pub remediation: String,
    /// UID of the Remediation; intents are derived from it.
    pub uid: String,
    /// Name of the RepairRun.
    pub run: String,
    /// UID of the RepairRun.
    pub run_uid: RunUid,
    /// Name of the pool.
    pub pool: String,
    /// Name of the playbook, without version.
    pub playbook: String,
    /// The node as the plan has it.
    pub node: PlannedNode,
    /// The playbook's steps with every parameter filled in, `confirm` first.
    pub steps: Vec<Step>,
    /// The pool's drain rules.
    pub drain_rules: Vec<DrainRule>,
}

impl Brief {
    /// The checks whose findings this repair is for; empty for a repair by hand without a finding.
    pub fn checks(&self) -> Vec<CheckId> {
        self.node.evidence.iter().map(|e| e.check.clone()).collect()
    }

    /// Whether one of its steps changes the host for good.
    pub fn changes_host(&self) -> bool {
        self.steps.iter().any(|step| step.action.action().changes_host())
    }

    /// The mark of a cordon of this repair on the node as it is now.
    pub(super) fn mark(&self, node: &NodeState, now: Time) -> CordonMark {
        CordonMark {
            remediation: self.remediation.clone(),
            run: self.run.clone(),
            run_uid: self.run_uid.clone(),
            since: now,
            was_unschedulable: node.unschedulable,
            changes_host: self.changes_host(),
        }
    }
}
