//! Which builds of a package carry a known fault, as data: one row per stream of a distribution.
//!
//! One number cannot say it: distributions put a fix into an older stream (`219-62.el7_6.8` has it) while a
//! newer build of another stream lacks it (`239-15.el8`). Where no row applies the answer is
//! [`Verdict::Unknown`], never a guess.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::rpm::Evr;
use crate::facts::Facts;

/// One fault of one package.
#[derive(Debug)]
pub struct Advisory {
    /// The package.
    pub package: &'static str,
    /// What the fault does.
    pub about: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// The streams that were looked at.
    pub rows: &'static [Row],
}

/// One stream: the builds from `from` on and below `before`, with the upstream version of `from`.
///
/// All texts are in RPM's form (`62.el7_6.8`), never in that of the source tags (`62.8`), which sorts wrongly.
#[derive(Debug)]
pub struct Row {
    /// The stream's name, for people.
    pub stream: &'static str,
    /// The first build of the stream.
    pub from: &'static str,
    /// The first build of the next stream; `None` if the upstream version ends the stream.
    pub before: Option<&'static str>,
    /// The first build without the fault; `None` if the stream never got the fix.
    pub fixed: Option<&'static str>,
}

/// What an advisory says of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The installed build does not have the fault.
    Fixed,
    /// The installed build has the fault.
    Affected {
        /// The first build of the same stream without it, if there is one.
        fixed_in: Option<Evr>,
    },
    /// Nothing is known of this build on this host.
    Unknown {
        /// Why, in a sentence.
        why: String,
    },
}

/// The distribution of a host, from its os-release.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host<'a> {
    /// `ID`.
    pub id: Option<&'a str>,
    /// `ID_LIKE`: distributions that it is built like, separated by spaces.
    pub id_like: Option<&'a str>,
    /// `VERSION_ID`.
    pub version_id: Option<&'a str>,
}

/// PID 1 counts D-Bus messages in 64 bits where the protocol has 32, and falls silent when they overflow.
///
/// Found by looking for the fix in every source tag of the el7 and el8 packages; that source tag `219-62.8` is
/// the build `219-62.el7_6.8` is inferred from the way the packages are numbered.
pub const SYSTEMD: Advisory = Advisory {
    package: "systemd",
    about: "after 2^32 D-Bus messages PID 1 answers no more calls, container starts hang and the node flaps",
    source: "systemd issue 11809 and pull request 11818; Red Hat bugs 1693559, 1720699 and 1694999",
    rows: &[
        Row { stream: "7.3 to 7.5", from: "219-30.el7", before: Some("219-58.el7"), fixed: None },
        Row { stream: "7.6", from: "219-58.el7", before: Some("219-63.el7"), fixed: Some("219-62.el7_6.8") },
        Row { stream: "7.7 and later", from: "219-63.el7", before: None, fixed: Some("219-65.el7") },
        Row { stream: "8", from: "239-1.el8", before: None, fixed: Some("239-16.el8") },
    ],
};

/// Values of `ID` whose packages are Enterprise Linux's own or rebuilt from its sources.
const ENTERPRISE_LINUX: [&str; 8] =
    ["rhel", "centos", "rocky", "almalinux", "ol", "scientific", "eurolinux", "virtuozzo"];

impl Advisory {
    /// What is known of a host on which `installed` are the installed versions of the package.
    pub fn verdict(&self, host: Host<'_>, installed: &[String]) -> Verdict {
        of_all(self.package, installed, |evr| self.verdict_on(host, evr))
    }

    fn verdict_on(&self, host: Host<'_>, evr: &Evr) -> Verdict {
        if let Err(why) = host.runs_packages_of(evr) {
            return unknown(why);
        }
        self.rows
            .iter()
            .find_map(|row| row.verdict(evr))
            .unwrap_or_else(|| unknown(format!("the advisory on {} has no row for `{evr}`", self.package)))
    }
}

/// What a minimum version that somebody chose says, in place of an advisory: RPM's order and nothing else.
pub fn at_least(minimum: &Evr, package: &str, installed: &[String]) -> Verdict {
    of_all(package, installed, |evr| match evr.compare(minimum) {
        Ok(Ordering::Less) => Verdict::Affected { fixed_in: Some(minimum.clone()) },
        Ok(_) => Verdict::Fixed,
        Err(error) => unknown(error.to_string()),
    })
}

/// The verdict over every installed version. Several are an interrupted transaction: nobody can say which one
/// is on the disk, so that they never pass.
fn of_all(package: &str, installed: &[String], judge: impl Fn(&Evr) -> Verdict) -> Verdict {
    let versions: BTreeSet<&String> = installed.iter().collect();
    let mut verdicts = versions.iter().map(|text| match text.parse() {
        Ok(evr) => judge(&evr),
        Err(error) => unknown(error.to_string()),
    });
    let Some(first) = verdicts.next() else {
        return unknown(format!("the package database has no {package}"));
    };
    match verdicts.fold(first, Verdict::worse) {
        Verdict::Fixed if versions.len() > 1 => unknown(format!(
            "several versions of {package} are in the package database: a transaction was interrupted"
        )),
        verdict => verdict,
    }
}

impl Row {
    /// What the row says of `evr`; `None` if it is of another stream.
    fn verdict(&self, evr: &Evr) -> Option<Verdict> {
        let from: Evr = self.from.parse().ok()?;
        if !from.same_upstream(evr) || evr.compare(&from).ok()? == Ordering::Less {
            return None;
        }
        if let Some(before) = self.before
            && evr.compare(&before.parse().ok()?).ok()? != Ordering::Less
        {
            return None;
        }
        let Some(fixed) = self.fixed else { return Some(Verdict::Affected { fixed_in: None }) };
        let fixed: Evr = fixed.parse().ok()?;
        Some(match evr.compare(&fixed) {
            Ok(Ordering::Less) => Verdict::Affected { fixed_in: Some(fixed) },
            Ok(_) => Verdict::Fixed,
            Err(error) => unknown(error.to_string()),
        })
    }
}

impl Verdict {
    /// The one of two that is further from `Fixed`.
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (affected @ Self::Affected { .. }, _) | (_, affected @ Self::Affected { .. }) => affected,
            (unknown @ Self::Unknown { .. }, _) | (_, unknown) => unknown,
        }
    }
}

impl<'a> Host<'a> {
    /// The distribution that `facts` report.
    pub fn of(facts: &'a Facts) -> Self {
        Self { id: facts.os("ID"), id_like: facts.os("ID_LIKE"), version_id: facts.os("VERSION_ID") }
    }

    fn is_enterprise_linux(self) -> bool {
        let mut names = self.id.into_iter().chain(self.id_like.unwrap_or_default().split_whitespace());
        names.any(|name| ENTERPRISE_LINUX.contains(&name))
    }

    /// Whether `evr` is a build for this very distribution.
    fn runs_packages_of(self, evr: &Evr) -> Result<(), String> {
        let id = self.id.ok_or("os-release could not be read, so the distribution is not known")?;
        if !self.is_enterprise_linux() {
            return Err(format!("no advisory knows the distribution `{id}`"));
        }
        let dist = evr.dist_tag().ok_or_else(|| {
            format!("the release of `{evr}` does not say for which distribution it is built")
        })?;
        let version = self.version_id.unwrap_or_default();
        if version.split('.').next() == Some(&dist.major.to_string()) {
            return Ok(());
        }
        Err(format!("`{evr}` is built for {}, and os-release says `{id}` version `{version}`", dist.family()))
    }
}

fn unknown(why: String) -> Verdict {
    Verdict::Unknown { why }
}

#[cfg(test)]
#[path = "advisory_tests.rs"]
mod tests;
