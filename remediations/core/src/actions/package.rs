//! `packagePrepare` and `packageInstall`: bring one package to one version, found out first, done later.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::job::{launch, read_job, said};
use super::undo::is_already;
use super::{Action, Do, DoneStep, Effect, Failure, Reading, Repeat, StepContext, Undoing, read_stranger};
use crate::op::{HostJob, JobExit, Op, OpResult, PackageTransaction};
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

    /// Back to the version that Prepare found, if it is we who changed it.
    fn undo(&self, done: &DoneStep<'_>) -> Undoing {
        if is_already(&done.record().observed) {
            return Undoing::Nothing;
        }
        match prior(self, done) {
            Ok(version) => {
                Undoing::Job(HostJob::PackageInstall(transaction(&self.name, version, &self.allow)))
            }
            Err(why) => Undoing::Hold(why),
        }
    }

    fn read_undo(&self, context: &StepContext<'_>, job: &HostJob, result: Option<&OpResult>) -> Reading {
        let HostJob::PackageInstall(back) = job else { return read_stranger(result) };
        read_job(context, result, Effect::Unknown, |exit| installed(exit, &back.name, &back.version))
    }

    fn describe(&self) -> String {
        format!("yum -y install {}-{}", self.name, self.version)
    }

    fn faults(&self) -> Vec<String> {
        faults(&self.name, &self.version, &self.allow)
    }
}

/// The one version that was installed before, and that a transaction leads back to; or why there is none.
fn prior<'a>(install: &PackageInstall, done: &DoneStep<'a>) -> Result<&'a str, String> {
    let name = &install.name;
    let is_for_it = |action: &Do| matches!(action, Do::PackagePrepare(prepare) if prepare.name == *name);
    let mut records = done.brief.steps.iter().zip(&done.journal.steps);
    let prepared =
        records.find(|(step, record)| is_for_it(&step.action) && record.observed.contains_key("before"));
    let Some((_, record)) = prepared else {
        return Err(format!("nobody wrote down which version of {name} was installed before"));
    };
    let of = |key: &str| record.observed.get(key).map_or("", |text| text.trim());
    match (of("before"), of("apart")) {
        ("", _) => Err(format!("{name} was not installed before, and nothing is removed")),
        (before, _) if before.contains('\n') => {
            Err(format!("several versions of {name} were installed before"))
        }
        (_, apart) if !apart.is_empty() => Err(format!(
            "the transaction changed packages of other sources too, whose versions are not known: {apart}"
        )),
        (before, _) => Ok(before),
    }
}

fn transaction(name: &str, version: &str, allow: &[String]) -> PackageTransaction {
    PackageTransaction { name: name.to_owned(), version: version.to_owned(), allow: allow.to_vec() }
}

fn succeeded(exit: &JobExit, effect: Effect) -> Reading {
    if exit.code == Some(0) {
        return Reading::Done(exit.report.clone());
    }
    let reason = exit.report.get("reason").cloned().unwrap_or_else(|| "CommandFailed".into());
    Reading::Failed(Failure { reason, message: said(exit), effect })
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
