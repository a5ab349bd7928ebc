//! `cordon`: keep new pods away, and write on the node whose cordon it is and how it was before.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Effect, Reading, Repeat, StepContext, read_failure, read_stranger};
use crate::op::{Op, OpResult};
use crate::playbook::Phase;
use crate::time::Span;

/// Sets `spec.unschedulable`. A failed cordon is a failed step: nothing is drained without it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cordon {}

impl Action for Cordon {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Disrupt]
    }

    fn repeat(&self) -> Repeat {
        Repeat::Convergent
    }

    fn disruptive(&self) -> bool {
        true
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(1)
    }

    /// The mark that the journal took down when the step was started.
    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        context.journal.cordon.clone().map(Op::Cordon)
    }

    fn read(&self, _: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        match result {
            Some(OpResult::Cordoned(mark)) => Reading::Done(BTreeMap::from([(
                "wasUnschedulable".to_owned(),
                mark.was_unschedulable.to_string(),
            )])),
            Some(OpResult::NotDone(failure)) => read_failure(failure, Effect::Nothing),
            // It may stand. The journal knows our intent, so that restoring looks at the node and lifts it.
            Some(OpResult::Unknown(failure)) => read_failure(failure, Effect::Unknown),
            other => read_stranger(other),
        }
    }

    fn describe(&self) -> String {
        "kubectl cordon NODE (marked as ours)".to_owned()
    }
}
