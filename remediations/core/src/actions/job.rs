//! Jobs on the host: how a step launches one, and how it reads what became of it.

use super::{Effect, Failure, Reading, StepContext, look_again, read_failure, read_stranger};
use crate::op::{HostJob, JobExit, JobState, Launch, Op, OpResult};
use crate::time::Span;

/// The most of a job's output that a message shows, in characters: its end.
const SHOWN_OUTPUT: usize = 600;

/// The operation that starts `job` under the step's intent.
pub(super) fn launch(context: &StepContext<'_>, job: HostJob) -> Op {
    Op::Launch(Launch { intent: context.intent.clone(), epoch: context.epoch, job })
}

/// Reads the answer to a launch or a look at a job of this step; `if_lost` is what is known when its end was not seen.
pub(super) fn read_job(
    context: &StepContext<'_>,
    result: Option<&OpResult>,
    if_lost: Effect,
    ended: impl Fn(&JobExit) -> Reading,
) -> Reading {
    let again = |note: String| Reading::Again { after: Span::seconds(2), note, blockers: Vec::new() };
    match result {
        Some(OpResult::Launched) => again("started".into()),
        Some(OpResult::Job(JobState::Running { seconds })) => again(format!("running for {seconds} s")),
        Some(OpResult::Job(JobState::Exited(exit))) => ended(exit),
        Some(OpResult::Job(JobState::NotStarted { voided: true })) => Reading::Voided,
        Some(OpResult::Job(JobState::NotStarted { voided: false })) => again("not started yet".into()),
        Some(OpResult::Job(JobState::Lost { .. })) => Reading::Failed(Failure {
            reason: "JobLost".into(),
            message: "the job on the host ended without an exit record (killed, or the machine restarted)"
                .into(),
            effect: if_lost,
        }),
        // A launch that did not happen changed nothing; a look that did not happen says nothing about the job.
        Some(OpResult::NotDone(failure)) if context.first => read_failure(failure, Effect::Nothing),
        Some(OpResult::NotDone(failure)) => look_again(failure),
        Some(OpResult::Unknown(failure)) => again(failure.message.clone()),
        other => read_stranger(other),
    }
}

/// The end of a job's output, to be put behind a sentence; empty if it wrote nothing.
pub(super) fn output(exit: &JobExit) -> String {
    let output = exit.output.trim();
    let skipped = output.chars().count().saturating_sub(SHOWN_OUTPUT);
    let colon = if output.is_empty() { "" } else { ": " };
    colon.chars().chain(output.chars().skip(skipped)).collect()
}

/// How a job ended, for a person: its exit status and the end of its output.
pub(super) fn said(exit: &JobExit) -> String {
    let code = exit.code.map_or_else(|| "no exit status".to_owned(), |code| format!("exit status {code}"));
    format!("{code}{}", output(exit))
}
