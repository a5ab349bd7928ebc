//! The record of one step in a journal, and the changes that the life of a step has. Others cannot be written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::IntentId;
use crate::playbook::Phase;
use crate::time::Time;

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
    /// How it is put back, once that has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoRecord>,
}

/// What happened to the undo of one step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndoRecord {
    /// How many times it was started.
    pub attempt: u32,
    /// The intent under which it was started last.
    pub intent: IntentId,
    /// When it was started last.
    pub started_at: Time,
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
    /// The intent to put it back is written; that may have happened.
    UndoStarted,
    /// What it did is put back.
    Undone,
    /// What it did is not put back, or nobody can know whether it is.
    UndoFailed,
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
    /// Whether a step may go from this state to `to`. `Started → Started` and `UndoStarted → UndoStarted` are new
    /// attempts, `Started → Pending` and `Succeeded → Pending` put a step back that disturbed nothing, or whose effect
    /// was restored. What leaves `Indeterminate` and `UndoFailed` does so because a person said so. `Pending → UndoStarted`: what was put back may need the restart that had not come yet.
    pub const fn may_become(self, to: Self) -> bool {
        use StepState::{
            Failed, Indeterminate, Pending, Started, Succeeded, UndoFailed, UndoStarted, Undone,
        };
        matches!(
            (self, to),
            (Pending | Started, Started)
                | (Started, Succeeded | Failed | Indeterminate | Pending)
                | (Succeeded, Pending)
                | (Indeterminate, Succeeded | Failed)
                | (Pending | Succeeded | Failed | UndoStarted | UndoFailed, UndoStarted)
                | (UndoStarted, Undone | UndoFailed)
                | (UndoFailed, Undone)
        )
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
            undo: None,
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
            StepState::Undone | StepState::UndoFailed => self.end_undo(now),
            StepState::UndoStarted => {}
            _ => self.finished_at = Some(now),
        }
        Ok(())
    }

    /// Writes down that the step is being put back, under this intent.
    pub fn start_undo(&mut self, intent: IntentId, now: Time) -> Result<(), IllegalTransition> {
        self.become_state(StepState::UndoStarted, now)?;
        self.undo = Some(UndoRecord {
            attempt: self.undo_attempts() + 1,
            intent,
            started_at: now,
            finished_at: None,
            noted_at: None,
            message: None,
            observed: BTreeMap::new(),
        });
        Ok(())
    }

    /// How many times its undo was started.
    pub fn undo_attempts(&self) -> u32 {
        self.undo.as_ref().map_or(0, |undo| undo.attempt)
    }

    fn end_undo(&mut self, now: Time) {
        if let Some(undo) = &mut self.undo {
            undo.finished_at = Some(now);
        }
    }
}
