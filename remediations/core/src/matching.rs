//! Which nodes match which policy, and why: every answer carries its reasons.

use std::collections::BTreeMap;

use crate::finding::{CheckResult, CheckState, Evidence, Severity};
use crate::ids::CheckId;
use crate::snapshot::{ConditionMatch, FindingMatch, Node, PROBER, Policy, Snapshot};
use crate::time::{Span, Time};

/// Whether a policy is for a node, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// What matched; empty means that the policy is not for the node.
    pub evidence: Vec<Evidence>,
    /// One sentence per thing that was looked at.
    pub why: Vec<String>,
    /// The worst severity among what matched.
    pub severity: Option<Severity>,
    /// Whether the sentences are left out: thousands of nodes are matched in every round.
    quiet: bool,
}

impl Match {
    /// A node that a person asked for, without evidence.
    pub(crate) fn by_name() -> Self {
        Self { why: vec!["named by the request".to_owned()], ..Self::default() }
    }

    /// Whether the policy is for the node.
    pub fn matched(&self) -> bool {
        !self.evidence.is_empty()
    }

    fn note(&mut self, why: impl FnOnce() -> String) {
        if !self.quiet {
            self.why.push(why());
        }
    }

    fn take(&mut self, result: &CheckResult) {
        self.severity = self.severity.max(Some(result.severity));
        if !self.evidence.iter().any(|e| e.check == result.check) {
            self.evidence.push(Evidence::from(result));
        }
    }
}

/// Whether `policy` is for `node`: any of its findings, or any of its conditions that a check of ours confirms.
pub fn match_policy(snapshot: &Snapshot, policy: &Policy, node: &Node, now: Time) -> Match {
    matched(snapshot, policy, node, now, Match::default())
}

/// The same answer without the reasons.
pub fn is_for(snapshot: &Snapshot, policy: &Policy, node: &Node, now: Time) -> bool {
    matched(snapshot, policy, node, now, Match { quiet: true, ..Match::default() }).matched()
}

fn matched(snapshot: &Snapshot, policy: &Policy, node: &Node, now: Time, mut found: Match) -> Match {
    for wanted in &policy.findings {
        match_finding(snapshot, wanted, node, now, &mut found);
    }
    for wanted in &policy.conditions {
        match_condition(snapshot, wanted, node, now, &mut found);
    }
    found
}

/// Whether one of `checks` fails on `node`, as our own prober saw it last.
pub fn match_checks(snapshot: &Snapshot, checks: &[CheckId], node: &Node, now: Time) -> Match {
    let mut found = Match::default();
    for check in checks {
        let wanted = FindingMatch {
            check: check.clone(),
            min_severity: None,
            min_age: Span(0),
            observed: BTreeMap::new(),
            sources: vec![PROBER.to_owned()],
        };
        match_finding(snapshot, &wanted, node, now, &mut found);
    }
    found
}

fn match_finding(snapshot: &Snapshot, wanted: &FindingMatch, node: &Node, now: Time, found: &mut Match) {
    let results =
        wanted.sources.iter().filter_map(|source| snapshot.result(&node.uid, source, &wanted.check, now));
    let mut seen = false;
    for result in results {
        seen = true;
        match mismatch(wanted, result, now) {
            None => {
                found.note(|| format!("{} fails: {}", result.check, result.message));
                found.take(result);
            }
            Some(mismatch) => found.note(|| mismatch.told(wanted, result)),
        }
    }
    if !seen {
        found.note(|| format!("{}: no report that has not expired", wanted.check));
    }
}

/// In what a result is not the one that is wanted.
enum Mismatch<'a> {
    State,
    Severity,
    Age(Span),
    Observed(&'a str, &'a str),
}

fn mismatch<'a>(wanted: &'a FindingMatch, result: &CheckResult, now: Time) -> Option<Mismatch<'a>> {
    if result.state != CheckState::Fail {
        return Some(Mismatch::State);
    }
    if wanted.min_severity.is_some_and(|least| result.severity < least) {
        return Some(Mismatch::Severity);
    }
    let age = result.failing_since.map_or(Span(0), |since| now.since(since));
    if age < wanted.min_age {
        return Some(Mismatch::Age(age));
    }
    let differs = |(key, value): &(&String, &String)| result.observed.get(*key) != Some(*value);
    wanted.observed.iter().find(differs).map(|(key, value)| Mismatch::Observed(key, value))
}

impl Mismatch<'_> {
    fn told(&self, wanted: &FindingMatch, result: &CheckResult) -> String {
        let check = &result.check;
        match self {
            Self::State => format!("{check} is {:?}: {}", result.state, result.message),
            Self::Severity => format!("{check} fails, but is only {:?}", result.severity),
            Self::Age(age) => format!("{check} fails for {age}, wanted is {}", wanted.min_age),
            Self::Observed(key, value) => {
                let seen = result.observed.get(*key).map_or("nothing", String::as_str);
                format!("{check} fails, but observed {key} is {seen}, wanted is {value}")
            }
        }
    }
}

fn match_condition(snapshot: &Snapshot, wanted: &ConditionMatch, node: &Node, now: Time, found: &mut Match) {
    let kind = &wanted.kind;
    let Some(condition) = node.conditions.get(kind) else {
        return found.note(|| format!("condition {kind}: the node has none"));
    };
    let status = &condition.status;
    if !wanted.status.contains(status) {
        return found.note(|| format!("condition {kind} is {status}"));
    }
    let stands = condition.since.map_or(Span(0), |since| now.since(since));
    if stands < wanted.stands {
        let least = wanted.stands;
        return found.note(|| format!("condition {kind} is {status} for {stands}, wanted is {least}"));
    }
    let check = &wanted.confirm_by;
    match snapshot.result(&node.uid, PROBER, check, now) {
        Some(result) if result.state == CheckState::Fail => {
            found.note(|| format!("condition {kind} is {status} for {stands}, and {check} fails"));
            found.take(result);
        }
        Some(result) => {
            found.note(|| format!("condition {kind} is {status}, but {check} is {:?}", result.state));
        }
        None => found.note(|| format!("condition {kind} is {status}, and {check} was not observed")),
    }
}
