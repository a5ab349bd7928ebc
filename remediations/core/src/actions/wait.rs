//! `waitReady`: the kubelet must say Ready, from the new boot, and go on saying so for a while.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Reading, Repeat, StepContext};
use crate::op::{Op, OpResult};
use crate::playbook::Phase;
use crate::time::Span;

/// Waits for the node to be Ready and stay so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitReady {
    /// How long Ready must hold without a break. Default 10s.
    #[serde(default = "default_soak")]
    pub soak: Span,
}

fn default_soak() -> Span {
    Span::seconds(10)
}

impl Action for WaitReady {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Verify]
    }

    fn repeat(&self) -> Repeat {
        Repeat::Convergent
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(10)
    }

    fn op(&self, _: &StepContext<'_>) -> Option<Op> {
        None
    }

    fn read(&self, context: &StepContext<'_>, _: Option<&OpResult>) -> Reading {
        let again = |after, note: String| Reading::Again { after, note, blockers: Vec::new() };
        let node = context.node;
        // Ready from before the restart says nothing: the kubelet has to have reported the new boot.
        if let Some(expected) = context.journal.observed("bootId")
            && node.boot_id.as_str() != expected
        {
            return again(Span::seconds(1), format!("the kubelet has not reported boot {expected} yet"));
        }
        let (Some(true), Some(since)) = (node.ready, node.ready_since) else {
            return again(Span::seconds(1), "the node is not Ready yet".into());
        };
        // Counted from the step's start too: a Ready that is older than the restart does not shorten the wait.
        let held = context.now.since(since.max(context.started_at));
        if held < self.soak {
            let rest = Span(self.soak.0 - held.0);
            return again(rest, format!("Ready for {held}, wanted for {}", self.soak));
        }
        Reading::Done(BTreeMap::from([("readySince".to_owned(), since.to_string())]))
    }

    fn describe(&self) -> String {
        format!("wait until the kubelet reports the last boot and Ready for {}", self.soak)
    }
}
