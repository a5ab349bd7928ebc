//! The journal of one saga: the whole of a Remediation's status, and the truth after a restart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::step::{StepRecord, StepState};
use crate::blocker::Blocker;
use crate::cordon::CordonMark;
use crate::ids::{BootId, Epoch, IntentId};
use crate::playbook::Step;
use crate::time::Time;

/// What happened so far on one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// The epoch of the process that wrote last; never goes down.
    pub epoch: Epoch,
    /// Where the saga is heading.
    #[serde(default)]
    pub mode: Mode,
    /// How it ended, or will end once our cordon is lifted; present in `Finished`, at most in `Restoring` besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// A CamelCase word for why it is where it is, when it is not simply going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// What the node was like before we touched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// The cordon that we hold, from its intent to its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordon: Option<CordonMark>,
    /// One record per step of the playbook.
    #[serde(default)]
    #[schemars(length(max = 33))]
    pub steps: Vec<StepRecord>,
    /// Ids of the run's operations that were carried out on this node, or came before it was held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub operations: Vec<String>,
    /// What is waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub blockers: Vec<Blocker>,
    /// When the saga began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// Where a saga is heading.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum Mode {
    /// Through the steps.
    #[default]
    Forward,
    /// Putting the host back as it was, then to `Restoring`.
    Undoing,
    /// Lifting our cordon, then to the outcome that is already written down, or back to the start if there is none.
    Restoring,
    /// Writing on the node what happened, then to `Held`.
    Holding,
    /// Nowhere, until a person or the lifting of a Hold lets it go on.
    Held,
    /// Over.
    Finished,
}

/// How a node's repair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Outcome {
    /// Done, and proven by the check that found the fault, if one had.
    Repaired,
    /// The finding had gone by itself before anything was done.
    Cleared,
    /// The node is another machine now.
    Replaced,
    /// Not done, for a reason that is no fault of the node: it is gone, the run was aborted.
    Skipped,
    /// Tried and failed; the node is as it was before, or a person has taken it over.
    Failed,
}

/// What a node was like before the first step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prior {
    /// The boot id that the kubelet had reported.
    pub boot_id: BootId,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
}

impl Journal {
    /// A journal with every step still to come.
    pub fn new(steps: &[Step], epoch: Epoch, now: Time) -> Self {
        let steps = steps.iter().map(|step| StepRecord::new(&step.name, step.phase)).collect();
        Self { epoch, steps, started_at: Some(now), ..Self::default() }
    }

    /// Whether the saga is over.
    pub fn is_finished(&self) -> bool {
        self.mode == Mode::Finished
    }

    /// The first step that has not succeeded.
    pub fn current(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.state != StepState::Succeeded)
    }

    /// The step whose undo is under way.
    pub fn being_undone(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.state == StepState::UndoStarted)
    }

    /// The intent that is under way, or was last: of an undo while one is, of the current step otherwise.
    pub fn intent(&self) -> Option<&IntentId> {
        if self.mode == Mode::Undoing {
            return Some(&self.steps.get(self.being_undone()?)?.undo.as_ref()?.intent);
        }
        self.steps.get(self.current()?)?.intent.as_ref()
    }

    /// The record of the step called `name`.
    pub fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// What a step before this one observed under `key`: the last that did.
    pub fn observed(&self, key: &str) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.observed.get(key)).map(String::as_str)
    }
}
