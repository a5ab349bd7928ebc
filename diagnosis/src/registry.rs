//! All checks by name, and their results on the facts of one subject.

use std::collections::BTreeSet;

use nodemend_core::facts::Facts;
use nodemend_core::finding::{CheckResult, CheckState, Severity};
use nodemend_core::ids::{CheckId, Digest};
use nodemend_core::time::Time;

use crate::check::{Check, Finding};
use crate::checks;
use crate::config::CheckConfigs;

/// Every check there is.
pub fn all() -> impl Iterator<Item = &'static dyn Check> {
    checks::ALL.into_iter()
}

/// The check called `id`.
pub fn find(id: &CheckId) -> Option<&'static dyn Check> {
    all().find(|check| check.id() == id.as_str())
}

/// The packages whose installed versions `ids` need.
pub fn packages(ids: &[CheckId]) -> BTreeSet<&'static str> {
    ids.iter().filter_map(find).flat_map(Check::packages).copied().collect()
}

/// One result per id, in order. The subject is a node, by its UID; the facts are its own.
pub fn run(
    ids: &[CheckId],
    facts: &Facts,
    configs: &CheckConfigs,
    subject_uid: &str,
    now: Time,
) -> Vec<CheckResult> {
    ids.iter().map(|id| result(id, facts, configs, subject_uid, now)).collect()
}

/// `new` with the beginnings that `previous` knew: a check that fails on keeps the time since when it fails.
///
/// A reading that could not be made neither starts nor ends a fault: it hands the time on, and only a check
/// that passes or no longer applies forgets it.
pub fn keep_since(previous: &[CheckResult], new: Vec<CheckResult>) -> Vec<CheckResult> {
    new.into_iter()
        .map(|mut result| {
            let known =
                previous.iter().find(|old| old.check == result.check).and_then(|old| old.failing_since);
            result.failing_since = match result.state {
                CheckState::Fail => known.or(result.failing_since),
                CheckState::Unknown => known,
                CheckState::Pass | CheckState::Skip => None,
            };
            result
        })
        .collect()
}

fn result(id: &CheckId, facts: &Facts, configs: &CheckConfigs, subject_uid: &str, now: Time) -> CheckResult {
    let (finding, severity, identity) = match find(id) {
        Some(check) => (check.evaluate(facts, &configs.of(id)), check.severity(), check.identity()),
        None => (no_such_check(id), Severity::Advice, &[][..]),
    };
    CheckResult {
        check: id.clone(),
        fingerprint: fingerprint(id, subject_uid, &finding, identity),
        state: finding.state,
        severity,
        message: finding.message.chars().take(1024).collect(),
        observed: finding.observed,
        failing_since: (finding.state == CheckState::Fail).then_some(now),
        observed_at: facts.observed_at,
    }
}

fn no_such_check(id: &CheckId) -> Finding {
    let known: Vec<_> = all().map(Check::id).collect();
    Finding::unknown(format!("this program has no check `{id}`; it has {}", known.join(", ")))
}

/// The identity of a fault: the same check on the same subject with the same values that matter. Each part is
/// written with its length, so that no two lists of parts make the same text.
fn fingerprint(id: &CheckId, subject_uid: &str, finding: &Finding, identity: &[&str]) -> Digest {
    let values = identity.iter().filter_map(|name| finding.observed.get_key_value(*name));
    let values = values.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let parts: Vec<_> = [id.as_str(), subject_uid]
        .into_iter()
        .chain(values)
        .map(|part| format!("{}:{part}", part.len()))
        .collect();
    Digest::of(parts.concat().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::facts::Pid1;

    const DBUS: &str = "node.systemd-dbus";

    fn run_dbus(pid1: Option<Pid1>, subject: &str, now: Time) -> CheckResult {
        let facts = Facts { pid1, observed_at: now, ..Facts::default() };
        run(&[DBUS.into()], &facts, &CheckConfigs::default(), subject, now).remove(0)
    }

    #[test]
    fn ids_are_unique_and_every_check_explains_itself() {
        let ids: BTreeSet<_> = all().map(Check::id).collect();
        assert_eq!(ids.len(), all().count());
        for check in all() {
            assert!(
                !check.description().is_empty() && !check.source().is_empty() && !check.identity().is_empty()
            );
        }
    }

    #[test]
    fn only_the_packages_that_are_needed_are_asked_for() {
        assert!(packages(&[DBUS.into()]).is_empty());
        let all: Vec<CheckId> = all().map(|check| check.id().into()).collect();
        assert_eq!(packages(&all), BTreeSet::from(["systemd"]));
    }

    #[test]
    fn an_unknown_check_is_unknown_and_says_so() {
        let results = run(
            &["node.sytemd-dbus".into(), DBUS.into()],
            &Facts::default(),
            &CheckConfigs::default(),
            "u",
            Time(1),
        );
        assert_eq!(results[0].state, CheckState::Unknown);
        assert!(results[0].message.contains("no check `node.sytemd-dbus`"), "{}", results[0].message);
        assert_eq!(results[1].check.as_str(), DBUS);
    }

    #[test]
    fn the_fingerprint_names_the_fault_and_not_the_time() {
        let silent = run_dbus(Some(Pid1::Silent), "a", Time(1));
        assert_eq!(silent.fingerprint, run_dbus(Some(Pid1::Silent), "a", Time(2)).fingerprint);
        assert_ne!(silent.fingerprint, run_dbus(Some(Pid1::Refused), "a", Time(1)).fingerprint);
        assert_ne!(silent.fingerprint, run_dbus(Some(Pid1::Silent), "b", Time(1)).fingerprint);
        assert_eq!((silent.failing_since, silent.severity), (Some(Time(1)), Severity::Critical));
    }

    #[test]
    fn a_fault_began_when_it_was_first_seen_until_it_is_seen_to_be_gone() {
        let states =
            [Some(Pid1::Silent), Some(Pid1::Refused), None, Some(Pid1::Silent), Some(Pid1::Answers), None];
        let mut last = Vec::new();
        let mut since = Vec::new();
        for (now, pid1) in (1..).zip(states) {
            last = keep_since(&last, vec![run_dbus(pid1, "a", Time(now))]);
            since.push(last[0].failing_since.map(|time| time.0));
        }
        assert_eq!(since, [Some(1), Some(1), Some(1), Some(1), None, None]);
    }
}
