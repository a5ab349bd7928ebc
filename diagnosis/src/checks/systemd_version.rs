//! `insp.version.systemd`: is the installed systemd free of the D-Bus fault, and is it the one that runs?

use nodemend_core::facts::Facts;
use nodemend_core::finding::Severity;
use nodemend_core::version::advisory::SYSTEMD;
use nodemend_core::version::{Evr, Host, Verdict, at_least};

use crate::check::{Check, Finding, Setting};
use crate::config::CheckConfig;

/// Setting: the lowest good version, in place of the advisory.
const MIN_VERSION: &str = "minVersion";

/// Whether systemd, installed and running, is free of the fault of the advisory.
#[derive(Debug, Clone, Copy)]
pub struct SystemdVersion;

impl Check for SystemdVersion {
    fn id(&self) -> &'static str {
        "insp.version.systemd"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn description(&self) -> &'static str {
        "systemd, installed and running, is free of the fault by which PID 1 falls silent after 2^32 D-Bus messages"
    }

    fn source(&self) -> &'static str {
        SYSTEMD.source
    }

    fn packages(&self) -> &'static [&'static str] {
        &[SYSTEMD.package]
    }

    fn settings(&self) -> &'static [Setting] {
        &[Setting {
            name: MIN_VERSION,
            description: "the lowest good [epoch:]version-release, in place of the advisory",
            fault: |value| value.parse::<Evr>().err().map(|error| error.to_string()),
        }]
    }

    fn identity(&self) -> &'static [&'static str] {
        &["installed", "running"]
    }

    fn evaluate(&self, facts: &Facts, config: &CheckConfig) -> Finding {
        let Some(installed) = facts.package(SYSTEMD.package) else {
            return Finding::unknown("the package database could not be read");
        };
        let stale = facts.pid1_is_stale();
        let minimum = config.get(MIN_VERSION);
        let verdict = match minimum.map(str::parse) {
            None => SYSTEMD.verdict(Host::of(facts), installed),
            Some(Ok(evr)) => at_least(&evr, SYSTEMD.package, installed),
            Some(Err(error)) => Verdict::Unknown { why: error.to_string() },
        };
        let finding = judge(verdict, &installed.join(" and "), stale)
            .with("installed", installed.join(" and "))
            .with("running", stale.map_or("unknown", |stale| if stale { "stale" } else { "current" }));
        minimum.into_iter().fold(finding, |finding, minimum| finding.with("minimum", minimum))
    }
}

/// Installed and running both count: a good package helps nothing while the old manager goes on running.
fn judge(verdict: Verdict, installed: &str, stale: Option<bool>) -> Finding {
    match (verdict, stale) {
        (Verdict::Affected { fixed_in: Some(fixed) }, _) => {
            Finding::fail(format!("systemd {installed} is affected; {fixed} is the first good build"))
                .with("fixedIn", fixed.to_string())
        }
        (Verdict::Affected { fixed_in: None }, _) => {
            Finding::fail(format!("systemd {installed} is affected, and its update stream never got the fix"))
        }
        (Verdict::Unknown { why }, _) => Finding::unknown(why),
        (Verdict::Fixed, Some(true)) => {
            Finding::fail(format!("systemd {installed} is installed, but PID 1 still runs the one before it"))
        }
        (Verdict::Fixed, Some(false)) => Finding::pass(format!("systemd {installed} is installed and runs")),
        (Verdict::Fixed, None) => Finding::unknown(format!(
            "systemd {installed} is installed; what PID 1 runs could not be observed"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CheckConfigs;
    use crate::facts::{key, parse};
    use nodemend_core::finding::CheckState::{self, Fail, Pass, Unknown};
    use nodemend_core::time::Time;
    use std::collections::BTreeMap;

    const CENTOS_7: &str = "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n";
    const CURRENT: &str = "/usr/lib/systemd/systemd";
    const STALE: &str = "/usr/lib/systemd/systemd (deleted)";

    fn evaluate(values: &[(&str, &str)], minimum: Option<&str>) -> Finding {
        let raw = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = minimum.map(|value| (MIN_VERSION.to_owned(), value.to_owned())).into_iter().collect();
        let id = SystemdVersion.id().into();
        let configs = CheckConfigs::new(BTreeMap::from([(id, settings)])).unwrap();
        SystemdVersion.evaluate(&parse(&raw, Time(0)), &configs.of(&SystemdVersion.id().into()))
    }

    fn state(packages: &str, exe: &str) -> CheckState {
        evaluate(&[(key::OS_RELEASE, CENTOS_7), (key::PACKAGES, packages), (key::PID1_EXE, exe)], None).state
    }

    #[test]
    fn installed_and_running_both_count() {
        assert_eq!(state("systemd\t219-62.el7", CURRENT), Fail);
        assert_eq!(state("systemd\t219-62.el7_6.5", CURRENT), Fail);
        assert_eq!(state("systemd\t219-62.el7_6.8", CURRENT), Pass);
        assert_eq!(state("systemd\t219-78.el7_9.9", CURRENT), Pass);
        assert_eq!(state("systemd\t219-78.el7_9.9", STALE), Fail);
        assert_eq!(state("systemd\t219-78.el7_9.9", "unreadable"), Unknown);
        assert_eq!(state("systemd\t219-62.el7", "unreadable"), Fail);
        assert_eq!(state("systemd\t219-62.el7\nsystemd\t219-78.el7_9.9", CURRENT), Fail);
    }

    #[test]
    fn what_is_not_known_stays_unknown_whatever_runs() {
        let without_os = evaluate(&[(key::PACKAGES, "systemd\t219-62.el7"), (key::PID1_EXE, STALE)], None);
        assert_eq!(without_os.state, Unknown);
        assert_eq!(without_os.observed["installed"], "219-62.el7");
        assert_eq!(evaluate(&[(key::OS_RELEASE, CENTOS_7)], None).state, Unknown);
        assert_eq!(state("kernel\t3.10.0-957.el7", CURRENT), Unknown);
    }

    #[test]
    fn a_finding_says_what_was_seen_and_what_would_be_good() {
        let values = [
            (key::OS_RELEASE, CENTOS_7),
            (key::PACKAGES, "systemd\t219-62.el7_6.5"),
            (key::PID1_EXE, CURRENT),
        ];
        let finding = evaluate(&values, None);
        let observed =
            [("fixedIn", "219-62.el7_6.8"), ("installed", "219-62.el7_6.5"), ("running", "current")];
        assert_eq!(
            finding.observed,
            observed.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        );
        assert!(finding.message.contains("219-62.el7_6.8 is the first good build"));
    }

    #[test]
    fn a_minimum_replaces_the_advisory() {
        let on = |packages, minimum| {
            evaluate(
                &[(key::OS_RELEASE, CENTOS_7), (key::PACKAGES, packages), (key::PID1_EXE, CURRENT)],
                Some(minimum),
            )
        };
        assert_eq!(on("systemd\t219-62.el7_6.8", "219-67").state, Fail);
        assert_eq!(on("systemd\t219-62.el7", "219-19.el7").state, Pass);
        assert_eq!(on("systemd\t219-62.el7", "239-16.el8").state, Unknown);
        assert_eq!(on("systemd\t219-67.el7", "219-67").observed["minimum"], "219-67");
    }
}
