//! `uncordon`: let pods come again, if and only if the cordon is ours and the node was schedulable before.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Effect, Reading, Repeat, StepContext, read_failure, read_stranger};
use crate::op::{Op, OpResult};
use crate::playbook::Phase;
use crate::time::Span;

/// Puts `spec.unschedulable` back to what it was before our cordon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Uncordon {}

impl Action for Uncordon {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Release]
    }

    fn repeat(&self) -> Repeat {
        Repeat::Convergent
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(5)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        context.journal.cordon.clone().map(Op::Uncordon)
    }

    fn read(&self, _: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        match result {
            // Nothing was cordoned: nothing to lift.
            None | Some(OpResult::Uncordoned) => Reading::Done(BTreeMap::new()),
            // Somebody else has lifted or taken it: there is nothing of ours to lift.
            Some(OpResult::NotDone(failure)) if is_not_ours(&failure.reason) => {
                Reading::Done(BTreeMap::new())
            }
            Some(OpResult::NotDone(failure) | OpResult::Unknown(failure)) => {
                read_failure(failure, Effect::Unknown)
            }
            other => read_stranger(other),
        }
    }

    fn describe(&self) -> String {
        "kubectl uncordon NODE (unless it was cordoned before)".to_owned()
    }
}

/// Whether an uncordon was refused because the cordon on the node is not ours, or is gone.
pub(crate) fn is_not_ours(reason: &str) -> bool {
    matches!(reason, "NotCordoned" | "UncordonedByAnother" | "CordonedByAnother" | "NodeReplaced")
}
