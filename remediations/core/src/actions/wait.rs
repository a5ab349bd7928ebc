//! `waitReady`: the kubelet must say Ready, from the new boot, and go on saying so for a while.

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

/// How long Ready must hold where nobody says otherwise: as long as a kubelet takes to tell its status
/// (`nodeStatusUpdateFrequency`).
pub(super) const READY_SOAK: Span = Span::seconds(10);

fn default_soak() -> Span {
    READY_SOAK
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
        if let Some((after, note)) = not_ready(context, context.journal.observed("bootId"), self.soak) {
            return Reading::Again { after, note, blockers: Vec::new() };
        }
        let since = context.node.ready_since.map(|since| ("readySince".to_owned(), since.to_string()));
        Reading::Done(since.into_iter().collect())
    }

    fn describe(&self) -> String {
        format!("wait until the kubelet reports the last boot and Ready for {}", self.soak)
    }
}

/// Why the node cannot be said to have been Ready for `soak` since the step began, and when to look again.
pub(super) fn not_ready(context: &StepContext<'_>, boot: Option<&str>, soak: Span) -> Option<(Span, String)> {
    let node = context.node;
    // Ready from before the restart says nothing: the kubelet has to have reported the new boot.
    if let Some(expected) = boot
        && node.boot_id.as_str() != expected
    {
        return Some((Span::seconds(1), format!("the kubelet has not reported boot {expected} yet")));
    }
    let (Some(true), Some(since)) = (node.ready, node.ready_since) else {
        return Some((Span::seconds(1), "the node is not Ready yet".into()));
    };
    // Counted from the step's start too: a Ready that is older than the restart does not shorten the wait.
    let held = context.now.since(since.max(context.started_at));
    (held < soak).then(|| (Span(soak.0 - held.0), format!("Ready for {held}, wanted for {soak}")))
}
