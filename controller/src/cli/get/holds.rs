//! `nodemend get holds`: what is stopped, by whom, why, and until when.

use nodemend_core::decide::{Subject, applies};
use nodemend_core::snapshot::{Hold, HoldLevel, HoldScope};

use super::Query;
use crate::cli::output::{Field, Tone, age, toned};

/// One line per Hold.
pub(super) fn table(query: &Query<'_>) -> String {
    let holds = query.snapshot.holds.values().filter(|hold| query.wants(&hold.name));
    let headers = ["HOLD", "STOPS", "HELD BY", "REASON", "AGE", "UNTIL", "RUNS IT STOPS"];
    query.table(&headers, holds.map(|hold| row(query, hold)).collect(), "no Hold: nothing is stopped")
}

fn row(query: &Query<'_>, hold: &Hold) -> Vec<Field> {
    let until = match hold.until {
        None => Field::from("it is released"),
        Some(until) if until > query.now => {
            Field::from(format!("{until} (in {})", age(Some(query.now), until)))
        }
        Some(_) => toned("over", Tone::Dim),
    };
    vec![
        Field::from(&hold.name),
        Field::from(stops(hold)),
        Field::from(&hold.held_by),
        Field::from(why(hold)),
        Field::from(age(Some(hold.created), query.now)),
        until,
        Field::from(stopped_runs(query, hold).join(", ")),
    ]
}

fn stopped_runs(query: &Query<'_>, hold: &Hold) -> Vec<String> {
    let node = match &hold.scope {
        HoldScope::Node { name } => Some(name.as_str().into()),
        _ => None,
    };
    let open = query.snapshot.runs.values().filter(|run| !run.status.phase.is_over());
    let stopped = open.filter(|run| {
        let planned = |name: &nodemend_core::ids::NodeName| {
            let plan = nodemend_core::decide::plan_of(query.snapshot, run);
            plan.is_some_and(|(_, nodes)| nodes.iter().any(|(_, planned)| planned.name == *name))
        };
        let subject = node.as_ref().map_or(Subject::run(run), |node| Subject::named(run, node));
        applies(&hold.scope, &subject) && node.as_ref().is_none_or(planned)
    });
    stopped.map(|run| run.name.clone()).collect()
}

fn stops(hold: &Hold) -> String {
    let scope = scope(&hold.scope);
    match hold.level {
        HoldLevel::Stop => scope,
        HoldLevel::Pause => format!("new nodes of {scope}"),
    }
}

/// The reason, and what was seen where the reason is one word.
pub(in crate::cli) fn why(hold: &Hold) -> String {
    hold.message.as_ref().map_or_else(|| hold.reason.clone(), |message| format!("{}: {message}", hold.reason))
}

/// A scope in words.
pub(in crate::cli) fn scope(scope: &HoldScope) -> String {
    match scope {
        HoldScope::Cluster {} => "everything".to_owned(),
        HoldScope::Pool { name } => format!("pool {name}"),
        HoldScope::Policy { name } => format!("policy {name}"),
        HoldScope::Run { name } => format!("run {name}"),
        HoldScope::Node { name } => format!("node {name}"),
        HoldScope::Playbook { name, pool } => format!("playbook {name} in pool {pool}"),
    }
}
