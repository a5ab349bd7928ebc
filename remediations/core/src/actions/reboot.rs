//! `reboot`: restart the machine; only a changed boot id proves that it happened.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wait::{READY_SOAK, not_ready};
use super::{
    Action, DoneStep, Effect, Failure, Reading, Repeat, StepContext, Undoing, look_again, read_failure,
    read_stranger,
};
use crate::op::{HostJob, JobExit, JobState, Launch, Op, OpResult, RebootJob};
use crate::playbook::Phase;
use crate::time::Span;

/// Writes file systems out and restarts the machine, orderly if PID 1 answers, forced if it does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reboot {
    /// How long an orderly shutdown may take before the restart is forced. Default 2m.
    #[serde(default = "default_grace")]
    pub grace: Span,
}

fn default_grace() -> Span {
    Span::minutes(2)
}

impl Action for Reboot {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Repair]
    }

    fn repeat(&self) -> Repeat {
        Repeat::AtMostOnce
    }

    fn disruptive(&self) -> bool {
        true
    }

    fn changes_host(&self) -> bool {
        true
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(15)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        let job = HostJob::Reboot(RebootJob { grace: self.grace });
        Some(Op::Launch(Launch { intent: context.intent.clone(), epoch: context.epoch, job }))
    }

    fn read(&self, context: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        let again = |note: String| Reading::Again { after: Span::seconds(1), note, blockers: Vec::new() };
        match result {
            Some(OpResult::Launched) => again("restart ordered".into()),
            Some(OpResult::Job(JobState::Running { seconds })) => {
                again(format!("shutting down for {seconds} s"))
            }
            Some(OpResult::Job(JobState::NotStarted { voided: true })) => Reading::Voided,
            Some(OpResult::Job(JobState::NotStarted { voided: false })) => again("not started yet".into()),
            Some(OpResult::Job(JobState::Exited(exit))) => verdict(exit),
            Some(OpResult::Job(JobState::Lost { .. })) => {
                Reading::Failed(failure("the restart job ended without a trace", Effect::Unknown))
            }
            Some(OpResult::NotDone(failure)) if context.first => read_failure(failure, Effect::Nothing),
            // A machine that goes down lets nobody in, and says so as if the key were wrong.
            Some(OpResult::NotDone(failure)) => look_again(failure),
            // A machine that restarts answers nothing for a while.
            Some(OpResult::Unknown(failure)) => again(failure.message.clone()),
            other => read_stranger(other),
        }
    }

    /// A restart leaves nothing behind, but whatever was put back on the disk does not run before the next one.
    fn undo(&self, done: &DoneStep<'_>) -> Undoing {
        if done.host_was_put_back() {
            return Undoing::Restart(HostJob::Reboot(RebootJob { grace: self.grace }));
        }
        Undoing::Nothing
    }

    /// Done when the machine has restarted and its kubelet has been Ready for a while: only then pods may come again.
    fn read_undo(&self, context: &StepContext<'_>, _: &HostJob, result: Option<&OpResult>) -> Reading {
        match self.read(context, result) {
            Reading::Done(observed) => ready_after(context, observed),
            other => other,
        }
    }

    fn describe(&self) -> String {
        format!("sync; systemctl reboot (forced after {}, at once if PID 1 hangs)", self.grace)
    }
}

fn ready_after(context: &StepContext<'_>, observed: BTreeMap<String, String>) -> Reading {
    let boot = observed.get("bootId").map_or("", String::as_str);
    match not_ready(context, Some(boot), READY_SOAK) {
        None => Reading::Done(observed),
        Some((after, note)) => Reading::Again { after, note, blockers: Vec::new() },
    }
}

fn verdict(exit: &JobExit) -> Reading {
    if exit.boot_id_now == exit.boot_id_before {
        let code = exit.code.map_or_else(String::new, |code| format!(" (exit status {code})"));
        let message = format!("the machine did not restart{code}: {}", exit.output.trim());
        return Reading::Failed(failure(&message, Effect::Something));
    }
    let mut observed = BTreeMap::from([
        ("bootIdBefore".to_owned(), exit.boot_id_before.0.clone()),
        ("bootId".to_owned(), exit.boot_id_now.0.clone()),
        // The hang, if there was one, ended with the old kernel.
        ("pid1".to_owned(), "restarted".to_owned()),
    ]);
    observed.extend(exit.report.get("forced").map(|forced| ("forced".to_owned(), forced.clone())));
    Reading::Done(observed)
}

fn failure(message: &str, effect: Effect) -> Failure {
    Failure { reason: "RebootFailed".into(), message: message.to_owned(), effect }
}
