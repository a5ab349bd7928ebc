//! Which findings match: nothing that is unknown, too young, too mild, from somebody else, or of another version.

use super::*;
use crate::matching::{Match, match_policy};
use crate::snapshot::FindingMatch;

/// What a policy with this finding says of a node on which `change` has been made to the result.
fn matched(wanted: impl FnOnce(&mut FindingMatch), change: impl FnOnce(&mut CheckResult)) -> Match {
    let mut world = world();
    let mut policy = policy();
    wanted(&mut policy.findings[0]);
    let reports = world.reports.get_mut(&"a-uid".into()).unwrap();
    change(reports.get_mut(PROBER).unwrap().results.get_mut(&"c".into()).unwrap());
    match_policy(&world, &policy, &world.nodes[&NodeName::from("a")], NOW)
}

#[test]
fn only_a_check_that_fails_matches() {
    let in_state = |state| matched(|_| {}, |result| result.state = state);
    assert!(in_state(CheckState::Fail).matched());
    for state in [CheckState::Pass, CheckState::Unknown, CheckState::Skip] {
        // An unknown result still carries since when it failed; that makes it no finding.
        let found = in_state(state);
        assert!(!found.matched() && found.severity.is_none(), "{state:?}");
        assert!(found.why[0].starts_with(&format!("c is {state:?}")), "{:?}", found.why);
    }
}

#[test]
fn a_finding_has_to_be_bad_enough() {
    for (severity, enough) in
        [(Severity::Warning, false), (Severity::Error, true), (Severity::Critical, true)]
    {
        let found = matched(|m| m.min_severity = Some(Severity::Error), |result| result.severity = severity);
        assert_eq!(found.matched(), enough, "{severity:?}");
    }
}

#[test]
fn a_finding_has_to_have_stood_for_long_enough() {
    let for_minutes = |minutes| {
        matched(
            |m| m.min_age = Span::minutes(10),
            |r| r.failing_since = Some(NOW.before(Span::minutes(minutes))),
        )
    };
    assert!(for_minutes(10).matched());
    let young = for_minutes(9);
    assert!(!young.matched());
    assert_eq!(young.why, ["c fails for 9m, wanted is 10m"]);
    let unknown = matched(|m| m.min_age = Span(1), |result| result.failing_since = None);
    assert!(!unknown.matched(), "since when is not known: no age at all");
}

#[test]
fn observed_values_have_to_be_the_ones_that_are_wanted() {
    let installed = |version: &str| {
        let observed = BTreeMap::from([("installed".to_owned(), version.to_owned())]);
        matched(
            |m| m.observed = BTreeMap::from([("installed".to_owned(), "219-62.el7".to_owned())]),
            |result| result.observed = observed,
        )
    };
    assert!(installed("219-62.el7").matched());
    assert!(!installed("219-63.el7").matched());
}

#[test]
fn reports_of_others_count_only_where_they_are_named() {
    let mut world = world();
    let reports = BTreeMap::from([("agent".to_owned(), report(CheckState::Fail, "219-62.el7"))]);
    world.reports.insert("a-uid".into(), reports);
    let node = &world.nodes[&NodeName::from("a")];
    let mut policy = policy();
    assert!(!match_policy(&world, &policy, node, NOW).matched());
    policy.findings[0].sources.push("agent".into());
    assert!(match_policy(&world, &policy, node, NOW).matched());
}

#[test]
fn the_worst_of_what_matches_counts_and_each_check_is_evidence_once() {
    let mut world = world();
    let mut policy = policy();
    policy.findings.push(policy.findings[0].clone());
    let mut second = policy.findings[0].clone();
    second.check = "d".into();
    policy.findings.push(second);
    let report = world.reports.get_mut(&"a-uid".into()).unwrap().get_mut(PROBER).unwrap();
    let worse = CheckResult {
        check: "d".into(),
        severity: Severity::Critical,
        ..report.results[&"c".into()].clone()
    };
    report.results.insert("d".into(), worse);
    let found = match_policy(&world, &policy, &world.nodes[&NodeName::from("a")], NOW);
    let checks: Vec<_> = found.evidence.iter().map(|evidence| evidence.check.as_str()).collect();
    assert_eq!((checks, found.severity), (vec!["c", "d"], Some(Severity::Critical)));
}
