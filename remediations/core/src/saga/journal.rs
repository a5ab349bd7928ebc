//! The journal of one saga: the whole of a Remediation's status, and the truth after a restart.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocker::Blocker;
use crate::cordon::CordonMark;
use crate::ids::{BootId, Epoch, IntentId};
use crate::playbook::{Phase, Step};
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
    /// How it ended; present exactly when `mode` is `Finished`.
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

/// What happened to one step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// The step's name.
    pub name: String,
    /// Its phase.
    pub phase: Phase,
    /// Its state.
    pub state: StepState,
    /// How many times it was started.
    #[serde(default)]
    pub attempt: u32,
    /// The intent under which it was started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
    /// When it was started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When `message` was written last; progress is written at most every 15 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted_at: Option<Time>,
    /// What it is doing, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// What was observed, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed: BTreeMap<String, String>,
}

/// The state of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum StepState {
    /// Not started.
    Pending,
    /// The intent is written; the effect may have happened.
    Started,
    /// Over, and what it is for holds.
    Succeeded,
    /// Over, and what it is for does not hold.
    Failed,
    /// Nobody can know: a person has to look.
    Indeterminate,
}

/// A change that the life of a step does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step `{step}` cannot go from {from:?} to {to:?}")]
pub struct IllegalTransition {
    step: String,
    from: StepState,
    to: StepState,
}

impl StepState {
    /// Whether a step may go from this state to `to`. `Started → Started` is a new attempt, `Started → Pending`
    /// and `Succeeded → Pending` put a step back that disturbed nothing, or whose effect was restored.
    pub const fn may_become(self, to: Self) -> bool {
        use StepState::{Failed, Indeterminate, Pending, Started, Succeeded};
        matches!(
            (self, to),
            (Pending | Started, Started)
                | (Started, Succeeded | Failed | Indeterminate | Pending)
                | (Succeeded, Pending)
        )
    }
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

    /// The record of the step called `name`.
    pub fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// What a step before this one observed under `key`: the last that did.
    pub fn observed(&self, key: &str) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.observed.get(key)).map(String::as_str)
    }
}

impl StepRecord {
    /// A step that has not started.
    pub fn new(name: &str, phase: Phase) -> Self {
        Self {
            name: name.to_owned(),
            phase,
            state: StepState::Pending,
            attempt: 0,
            intent: None,
            started_at: None,
            finished_at: None,
            noted_at: None,
            message: None,
            observed: BTreeMap::new(),
        }
    }

    /// Changes the state, if the life of a step has such a change.
    pub fn become_state(&mut self, to: StepState, now: Time) -> Result<(), IllegalTransition> {
        if !self.state.may_become(to) {
            return Err(IllegalTransition { step: self.name.clone(), from: self.state, to });
        }
        self.state = to;
        match to {
            StepState::Started => {
                self.started_at = Some(now);
                self.finished_at = None;
            }
            StepState::Pending => self.finished_at = None,
            _ => self.finished_at = Some(now),
        }
        Ok(())
    }
}
