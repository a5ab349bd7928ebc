//! `nodemend get reports`: every result of every check, with how long it has been so and when it was seen.

use nodemend_core::finding::{CheckResult, CheckState};
use nodemend_core::snapshot::{Node, Report};

use super::Query;
use crate::cli::output::{Field, Tone, age, toned};

/// One line per result.
pub(super) fn table(query: &Query<'_>) -> String {
    let wanted = |node: &&Node| {
        query.wants(node.name.as_str()) && query.wants_pool(query.snapshot.pools_of(node).into_iter())
    };
    let mut rows = Vec::new();
    for node in query.snapshot.nodes.values().filter(wanted) {
        for (source, report) in query.snapshot.reports.get(&node.uid).into_iter().flatten() {
            rows.extend(report.results.values().map(|result| row(query, node, source, report, result)));
        }
    }
    let headers = ["NODE", "CHECK", "STATE", "SEVERITY", "FOR", "SEEN", "SOURCE", "MESSAGE"];
    query.table(&headers, rows, "no report: nothing has been observed yet")
}

fn row(query: &Query<'_>, node: &Node, source: &str, report: &Report, result: &CheckResult) -> Vec<Field> {
    let [state, severity, since, seen, message] = result_fields(query.now, report, result);
    vec![
        Field::from(&node.name),
        Field::from(&result.check),
        state,
        severity,
        since,
        seen,
        Field::from(source),
        message,
    ]
}

/// State, severity, since when, when seen, and the message.
pub(in crate::cli) fn result_fields(
    now: nodemend_core::time::Time,
    report: &Report,
    result: &CheckResult,
) -> [Field; 5] {
    let expired = report.expires_at <= now;
    let tone = match result.state {
        _ if expired => Tone::Dim,
        CheckState::Pass => Tone::Good,
        CheckState::Fail => Tone::Bad,
        CheckState::Unknown => Tone::Careful,
        CheckState::Skip => Tone::Dim,
    };
    let state = format!("{:?}{}", result.state, if expired { " (expired)" } else { "" });
    let failing = result.state == CheckState::Fail;
    let severity = if failing { format!("{:?}", result.severity) } else { String::new() };
    [
        toned(state, tone),
        Field::from(severity),
        Field::from(age(result.failing_since, now)),
        Field::from(format!("{} ago", age(Some(result.observed_at), now))),
        Field::from(&result.message),
    ]
}
