//! `verify`: a repair is proven by running the check that found the fault again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Effect, Failure, Reading, Repeat, StepContext, look_again, read_stranger};
use crate::finding::CheckState;
use crate::ids::CheckId;
use crate::op::{CheckRequest, Checked, Op, OpResult};
use crate::playbook::Phase;
use crate::time::Span;

/// Runs the checks of the findings that are repaired, and further ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verify {
    /// Checks that must pass besides those that found the fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub checks: Vec<CheckId>,
}

impl Action for Verify {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Verify]
    }

    fn repeat(&self) -> Repeat {
        Repeat::Convergent
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(5)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        let mut checks = context.brief.checks();
        checks.extend(self.checks.iter().filter(|c| !context.brief.checks().contains(c)).cloned());
        Some(Op::Check(CheckRequest { checks }))
    }

    fn read(&self, _: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        match result {
            Some(OpResult::Checked(checked)) => verdict(checked),
            // A machine that has just come up may let nobody in yet.
            Some(OpResult::NotDone(failure) | OpResult::Unknown(failure)) => look_again(failure),
            other => read_stranger(other),
        }
    }

    fn describe(&self) -> String {
        let further: Vec<_> = self.checks.iter().map(CheckId::as_str).collect();
        let and = if further.is_empty() { "" } else { ", and " };
        format!("run the checks that found the fault again{and}{}", further.join(", "))
    }
}

/// Every check has to pass (or not apply). One that fails is a failed repair; one that cannot be told is tried
/// again until the step's time is up.
fn verdict(checked: &Checked) -> Reading {
    let with = |state| checked.results.iter().find(|r| r.state == state);
    if let Some(failing) = with(CheckState::Fail) {
        return Reading::Failed(Failure {
            reason: "VerificationFailed".into(),
            message: format!("{} still fails: {}", failing.check, failing.message),
            effect: Effect::Something,
        });
    }
    if let Some(unknown) = with(CheckState::Unknown) {
        let note = format!("{} cannot be told: {}", unknown.check, unknown.message);
        return Reading::Again { after: Span::seconds(3), note, blockers: Vec::new() };
    }
    let results = checked.results.iter();
    Reading::Done(results.map(|r| (r.check.0.clone(), r.message.clone())).collect::<BTreeMap<_, _>>())
}
