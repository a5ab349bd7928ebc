//! `packagePrepare` and `packageInstall`: bring one package to one version, found out first, done later.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Effect, Failure, Reading, Repeat, StepContext, look_again, read_failure, read_stranger};
use crate::op::{HostJob, JobExit, JobState, Launch, Op, OpResult, PackageTransaction};
use crate::playbook::Phase;
use crate::time::Span;

/// Resolves, downloads and tests the transaction while the node still serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackagePrepare {
    /// Package name.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// `[epoch:]version-release` to end with.
    #[schemars(length(min = 1, max = 256))]
    pub version: String,
    /// Further packages that the transaction may touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub allow: Vec<String>,
}

/// Performs the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackageInstall {
    /// Package name.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// `[epoch:]version-release` to end with.
    #[schemars(length(min = 1, max = 256))]
    pub version: String,
    /// Further packages that the transaction may touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub allow: Vec<String>,
}

impl Action for PackagePrepare {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Prepare]
    }

    fn repeat(&self) -> Repeat {
        Repeat::AtMostOnce
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(10)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        Some(launch(context, HostJob::PackagePrepare(transaction(&self.name, &self.version, &self.allow))))
    }

    fn read(&self, context: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        read_job(context, result, Effect::Nothing, |exit| succeeded(exit, Effect::Nothing))
    }

    fn describe(&self) -> String {
        format!("yum -y --downloadonly install {}-{} (resolve, download, test)", self.name, self.version)
    }

    fn faults(&self) -> Vec<String> {
        faults(&self.name, &self.version, &self.allow)
    }
}

impl Action for PackageInstall {
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
        Some(launch(context, HostJob::PackageInstall(transaction(&self.name, &self.version, &self.allow))))
    }

    fn read(&self, context: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        read_job(context, result, Effect::Unknown, |exit| installed(exit, &self.name, &self.version))
    }

    fn describe(&self) -> String {
        format!("yum -y install {}-{}", self.name, self.version)
    }

    fn faults(&self) -> Vec<String> {
        faults(&self.name, &self.version, &self.allow)
    }
}

fn transaction(name: &str, version: &str, allow: &[String]) -> PackageTransaction {
    PackageTransaction { name: name.to_owned(), version: version.to_owned(), allow: allow.to_vec() }
}

fn launch(context: &StepContext<'_>, job: HostJob) -> Op {
    Op::Launch(Launch { intent: context.intent.clone(), epoch: context.epoch, job })
}

/// Reads the answer to a launch or a look at a job of this step; `if_lost` is what is known when its end was not seen.
fn read_job(
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

fn succeeded(exit: &JobExit, effect: Effect) -> Reading {
    if exit.code == Some(0) {
        return Reading::Done(exit.report.clone());
    }
    let reason = exit.report.get("reason").cloned().unwrap_or_else(|| "CommandFailed".into());
    let code = exit.code.map_or_else(|| "no exit status".to_owned(), |code| format!("exit status {code}"));
    let output: String =
        exit.output.trim().chars().rev().take(600).collect::<Vec<_>>().into_iter().rev().collect();
    Reading::Failed(Failure { reason, message: format!("{code}: {output}"), effect })
}

/// An exit status of 0 is not enough: a failing scriptlet ends with 0 too, and an interrupted transaction leaves
/// two versions. The package database must name the target and nothing else.
fn installed(exit: &JobExit, name: &str, version: &str) -> Reading {
    let found = exit.report.get("installed").map_or("", |text| text.trim());
    let wanted = version.strip_prefix("0:").unwrap_or(version);
    match succeeded(exit, Effect::Something) {
        Reading::Done(_) if found.strip_prefix("0:").unwrap_or(found) != wanted => Reading::Failed(Failure {
            reason: "WrongVersionInstalled".into(),
            message: format!("the package database has {name} `{found}` after the transaction, not {wanted}"),
            effect: Effect::Something,
        }),
        Reading::Done(report) => {
            let keep = |(key, _): &(String, String)| key != "reason";
            Reading::Done(report.into_iter().filter(keep).collect::<BTreeMap<_, _>>())
        }
        other => other,
    }
}

fn faults(name: &str, version: &str, allow: &[String]) -> Vec<String> {
    let bad = |text: &&String| {
        text.is_empty()
            || text.starts_with('-')
            || !text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
    };
    let name = name.to_owned();
    let mut faults: Vec<_> = std::iter::once(&name)
        .chain(allow)
        .filter(bad)
        .map(|text| format!("`{text}` is not a package name"))
        .collect();
    let templated = version.contains("${");
    if !templated && !version.contains('-') {
        faults.push(format!("`{version}` is not an RPM version: want [epoch:]version-release"));
    }
    faults
}
