//! Which nodes match which policy, and why: every answer carries its reasons.

use std::collections::BTreeMap;

use crate::finding::{CheckResult, CheckState, Evidence, Severity};
use crate::ids::CheckId;
use crate::snapshot::{ConditionMatch, FindingMatch, Node, PROBER, Policy, Snapshot};
use crate::time::Time;

/// Whether a policy is for a node, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// What matched; empty means that the policy is not for the node.
    pub evidence: Vec<Evidence>,
    /// One sentence per thing that was looked at.
    pub why: Vec<String>,
    /// The worst severity among what matched.
    pub severity: Option<Severity>,
}

impl Match {
    /// Whether the policy is for the node.
    pub fn matched(&self) -> bool {
        !self.evidence.is_empty()
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
    let mut found = Match::default();
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
            min_age: crate::time::Span(0),
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
                found.why.push(format!("{} fails: {}", result.check, result.message));
                found.take(result);
            }
            Some(why) => found.why.push(why),
        }
    }
    if !seen {
        found.why.push(format!("{}: no report that has not expired", wanted.check));
    }
}

fn mismatch(wanted: &FindingMatch, result: &CheckResult, now: Time) -> Option<String> {
    let check = &result.check;
    if result.state != CheckState::Fail {
        return Some(format!("{check} is {:?}: {}", result.state, result.message));
    }
    if wanted.min_severity.is_some_and(|least| result.severity < least) {
        return Some(format!("{check} fails, but is only {:?}", result.severity));
    }
    let age = result.failing_since.map_or(crate::time::Span(0), |since| now.since(since));
    if age < wanted.min_age {
        return Some(format!("{check} fails for {age}, wanted is {}", wanted.min_age));
    }
    let differs = |(key, value): &(&String, &String)| result.observed.get(*key) != Some(*value);
    let (key, value) = wanted.observed.iter().find(differs)?;
    let seen = result.observed.get(key).map_or("nothing", String::as_str);
    Some(format!("{check} fails, but observed {key} is {seen}, wanted is {value}"))
}

fn match_condition(snapshot: &Snapshot, wanted: &ConditionMatch, node: &Node, now: Time, found: &mut Match) {
    let kind = &wanted.kind;
    let Some(condition) = node.conditions.get(kind) else {
        found.why.push(format!("condition {kind}: the node has none"));
        return;
    };
    if !wanted.status.contains(&condition.status) {
        found.why.push(format!("condition {kind} is {}", condition.status));
        return;
    }
    let stands = condition.since.map_or(crate::time::Span(0), |since| now.since(since));
    if stands < wanted.stands {
        found.why.push(format!(
            "condition {kind} is {} for {stands}, wanted is {}",
            condition.status, wanted.stands
        ));
        return;
    }
    let check = &wanted.confirm_by;
    match snapshot.result(&node.uid, PROBER, check, now) {
        Some(result) if result.state == CheckState::Fail => {
            found
                .why
                .push(format!("condition {kind} is {} for {stands}, and {check} fails", condition.status));
            found.take(result);
        }
        Some(result) => {
            found
                .why
                .push(format!("condition {kind} is {}, but {check} is {:?}", condition.status, result.state));
        }
        None => {
            found.why.push(format!("condition {kind} is {}, and {check} was not observed", condition.status));
        }
    }
}
