//! When a stored report can stand for what was read.

use std::collections::BTreeMap;

use nodemend_core::finding::{CheckState, Severity};
use nodemend_core::ids::Digest;

use super::*;

fn result(message: &str, observed_at: Time) -> CheckResult {
    CheckResult {
        check: "c".into(),
        state: CheckState::Fail,
        severity: Severity::Error,
        message: message.into(),
        observed: BTreeMap::default(),
        fingerprint: Digest::of(b"f"),
        failing_since: Some(Time(1)),
        observed_at,
    }
}

fn says(message: &str, at: Time) -> u64 {
    content(&[result(message, at)], &FactsSummary::default())
}

#[test]
fn what_differs_in_times_alone_says_the_same() {
    assert_eq!(says("old", Time(1)), says("old", Time(9)));
    assert_ne!(says("old", Time(1)), says("older", Time(1)));
    let restarted = FactsSummary { boot_id: Some("b2".into()), ..FactsSummary::default() };
    assert_ne!(content(&[], &FactsSummary::default()), content(&[], &restarted));
}

#[test]
fn a_report_is_renewed_when_it_says_something_else_or_half_of_its_time_is_over() {
    let hour = |hours: i64| Time(0).after(Span::minutes(60 * hours));
    let written = Written { content: says("a", Time(0)), observed_at: Time(0), expires_at: hour(8) };
    let node = NodeUid::from("n");
    assert!(written.will_do(&node, says("a", hour(1)), hour(1)));
    assert!(!written.will_do(&node, says("b", hour(1)), hour(1)), "another content");
    assert!(!written.will_do(&node, says("a", hour(7)), hour(7)), "soon over");
    assert!(!written.will_do(&node, says("a", hour(9)), hour(9)), "over");
}

#[test]
fn thousands_of_reports_are_renewed_at_less_than_one_request_per_second() {
    let nodes: Vec<_> = (0..5000).map(|number| NodeUid::from(number.to_string().as_str())).collect();
    let validity = validity(Span::minutes(10), nodes.len());
    let rest: i64 = nodes.iter().map(due_at).sum::<i64>() / 5000;
    assert!((490..=510).contains(&rest), "{rest}: half of it on average");
    let (first, last) = (nodes.iter().map(due_at).min().unwrap(), nodes.iter().map(due_at).max().unwrap());
    assert!(first < 260 && last > 740, "spread over half of the validity");
    let seconds = validity.0 / 1000 * (1000 - rest) / 1000;
    assert!(2 * 5000 < seconds, "a renewal takes two requests");
}

#[test]
fn few_nodes_are_told_of_as_often_as_they_are_read() {
    assert_eq!(validity(Span::minutes(10), 4), Span::minutes(30));
    assert_eq!(validity(Span::seconds(5), 4), Span::minutes(1));
}
