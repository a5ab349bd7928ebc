//! How what a step did to the host is put back: nothing, a job, or a person.

use std::collections::BTreeMap;

use crate::op::HostJob;
use crate::saga::{Brief, Journal, StepRecord, StepState};

/// What there is to put back of a step, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undoing {
    /// Nothing of it stays on the host. A cordon is lifted by itself, when all the rest is put back.
    Nothing,
    /// By this job, which leads to the state before however often it runs.
    Job(HostJob),
    /// By this restart of the machine, once everything else is put back: what runs has to be what is installed.
    Restart(HostJob),
    /// Not by us, and why: the node is held for a person.
    Hold(String),
}

/// A step that was done, or begun, as its undo looks at it.
#[derive(Debug, Clone, Copy)]
pub struct DoneStep<'a> {
    /// What the saga is about.
    pub brief: &'a Brief,
    /// What happened so far.
    pub journal: &'a Journal,
    /// Which step it is.
    pub index: usize,
}

impl<'a> DoneStep<'a> {
    /// The step's record.
    pub fn record(&self) -> &'a StepRecord {
        &self.journal.steps[self.index]
    }

    /// How it is put back.
    pub fn undoing(&self) -> Undoing {
        self.brief.steps[self.index].action.action().undo(self)
    }

    /// Whether another step's undo changed the host: then what runs is older than what is on the disk.
    pub(super) fn host_was_put_back(&self) -> bool {
        let mut others = self.journal.steps.iter().enumerate().filter(|(index, _)| *index != self.index);
        others.any(|(_, step)| step.state == StepState::Undone && !was_as_before(step))
    }
}

/// Whether an undo found everything as it was before. After an attempt that failed it cannot be told.
fn was_as_before(step: &StepRecord) -> bool {
    step.undo.as_ref().is_some_and(|undo| undo.attempt == 1 && is_already(&undo.observed))
}

/// Whether a job reported that there was nothing for it to do.
pub(super) fn is_already(observed: &BTreeMap<String, String>) -> bool {
    observed.get("already").is_some_and(|already| already == "true")
}
