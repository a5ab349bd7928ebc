//! `confirm`: the finding must still be there, seen by our own probe, before anything is done to the node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Effect, Reading, Repeat, StepContext, read_failure, read_stranger};
use crate::blocker::Blocker;
use crate::finding::{CheckResult, CheckState};
use crate::op::{CheckRequest, Checked, Op, OpResult};
use crate::playbook::Phase;
use crate::time::Span;

/// Looks again. Every plan begins with it; playbooks do not write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Confirm {}

impl Action for Confirm {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Prepare]
    }

    fn repeat(&self) -> Repeat {
        Repeat::Convergent
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(5)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        Some(Op::Check(CheckRequest { checks: context.brief.checks() }))
    }

    fn read(&self, _: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        match result {
            Some(OpResult::Checked(checked)) => verdict(checked),
            Some(OpResult::NotDone(failure) | OpResult::Unknown(failure)) => {
                read_failure(failure, Effect::Nothing)
            }
            other => read_stranger(other),
        }
    }

    fn describe(&self) -> String {
        "read the host again and confirm the finding".to_owned()
    }
}

/// One failing check is enough to go on; all passing clears; what cannot be told is looked at again.
fn verdict(checked: &Checked) -> Reading {
    let Some(boot_id) = &checked.boot_id else {
        return look_again("the host did not tell its boot id");
    };
    let in_state = |state| checked.results.iter().filter(move |r: &&CheckResult| r.state == state);
    if checked.results.is_empty() || in_state(CheckState::Fail).next().is_some() {
        let answered = |silent: Option<bool>| match silent {
            Some(true) => "silent",
            Some(false) => "answers",
            None => "unknown",
        };
        let (pid1, runtime) = (answered(checked.pid1_silent), answered(checked.runtime_silent));
        let observed = [("bootId", boot_id.as_str()), ("pid1", pid1), ("runtime", runtime)];
        return Reading::Done(observed.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }
    let messages = |state| in_state(state).map(|r| r.message.as_str()).collect::<Vec<_>>().join("; ");
    if in_state(CheckState::Unknown).next().is_some() {
        return look_again(&messages(CheckState::Unknown));
    }
    Reading::Cleared(messages(CheckState::Pass))
}

fn look_again(message: &str) -> Reading {
    Reading::Again {
        after: Span::seconds(5),
        note: format!("the finding cannot be confirmed: {message}"),
        blockers: vec![Blocker::new("FindingNotConfirmed", "host", message)],
    }
}
