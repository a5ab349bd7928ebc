//! `drain`: let the pods go, asking every PodDisruptionBudget, until none is left that has to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action, Effect, Failure, Reading, Repeat, StepContext, is_not_ours, read_failure, read_stranger,
};
use crate::drain::{DrainOptions, DrainProgress, DrainRequest, DrainRule};
use crate::op::{Op, OpResult};
use crate::playbook::Phase;
use crate::saga::DRAIN_REFUSED;
use crate::time::Span;

/// How long a node whose kubelet cannot end pods is given beyond their grace.
const OVERDUE: Span = Span::seconds(10);

/// Evicts the node's pods.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drain {
    /// Evict pods with `emptyDir` volumes too; their data is lost.
    #[serde(default)]
    pub delete_empty_dir_data: bool,
    /// Evict pods that no controller would create again.
    #[serde(default)]
    pub force: bool,
    /// Grace period for all pods; absent is each pod's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period: Option<Span>,
    /// Rules that are stricter than the pool's, for pods that this playbook must be more careful with; the first that
    /// matches a pod counts. They never make a rule of the pool laxer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub rules: Vec<DrainRule>,
}

impl Drain {
    /// What this drain may do on a node of a pool with these rules.
    pub fn options(&self, rules: &[DrainRule]) -> DrainOptions {
        DrainOptions {
            rules: rules.to_vec(),
            playbook_rules: self.rules.clone(),
            delete_empty_dir_data: self.delete_empty_dir_data,
            force: self.force,
            grace_period: self.grace_period,
        }
    }
}

impl Action for Drain {
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
        Span::minutes(15)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        let options = self.options(&context.brief.drain_rules);
        Some(Op::Drain(DrainRequest { options, waited: context.now.since(context.started_at) }))
    }

    fn read(&self, context: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        match result {
            Some(OpResult::Drained(progress)) => verdict(context, progress),
            // The next look at the node shows that somebody has taken over.
            Some(OpResult::NotDone(failure)) if is_not_ours(&failure.reason) => Reading::Again {
                after: Span::seconds(1),
                note: failure.message.clone(),
                blockers: Vec::new(),
            },
            Some(OpResult::NotDone(failure) | OpResult::Unknown(failure)) => {
                read_failure(failure, Effect::Nothing)
            }
            other => read_stranger(other),
        }
    }

    fn describe(&self) -> String {
        let mut text = "kubectl drain NODE --ignore-daemonsets".to_owned();
        if self.delete_empty_dir_data {
            text.push_str(" --delete-emptydir-data");
        }
        if self.force {
            text.push_str(" --force");
        }
        text
    }

    fn faults(&self) -> Vec<String> {
        self.rules.iter().flat_map(DrainRule::faults_in_playbook).collect()
    }
}

fn verdict(context: &StepContext<'_>, progress: &DrainProgress) -> Reading {
    if let Some(refused) = progress.refused.first() {
        return Reading::Failed(Failure {
            reason: DRAIN_REFUSED.into(),
            message: format!(
                "{} pods must not be touched, first {}: {}",
                progress.refused.len(),
                refused.object,
                refused.next
            ),
            effect: Effect::Nothing,
        });
    }
    if progress.is_done() {
        return Reading::Done(BTreeMap::new());
    }
    // The kubelet or the runtime cannot end these pods; they end with the restart.
    if cannot_end_pods(context) && progress.only_overdue(context.now.before(OVERDUE)) {
        let names: Vec<_> = progress.remaining.iter().take(8).map(|pod| pod.name.as_str()).collect();
        return Reading::Done(BTreeMap::from([("leftBehind".to_owned(), names.join(", "))]));
    }
    Reading::Again {
        after: Span::seconds(1),
        note: format!("{} pods left", progress.remaining_total),
        blockers: progress.blockers.clone(),
    }
}

/// Whether the node is known to be unable to end pods: our probe found PID 1 or the container runtime hung, or the kubelet
/// is silent. A node that is only slow, or that says that it is not ready, is none of it.
fn cannot_end_pods(context: &StepContext<'_>) -> bool {
    let hangs = |part: &str| context.journal.observed(part) == Some("silent");
    hangs("pid1") || hangs("runtime") || context.node.ready.is_none()
}

#[cfg(test)]
#[path = "drain_tests.rs"]
mod tests;
