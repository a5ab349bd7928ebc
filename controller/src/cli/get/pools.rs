//! `nodemend get pools`: how many nodes, how many are out of service, what is going on, and what is in the way.

use nodemend_core::finding::CheckState;
use nodemend_core::snapshot::{Fleet, Hold, HoldScope, Pool, Run};

use super::Query;
use crate::cli::output::{Field, Tone, toned};

/// One line per pool.
pub(super) fn table(query: &Query<'_>) -> String {
    let pools = query.snapshot.pools.values().filter(|pool| query.wants(&pool.name));
    let headers = ["POOL", "NODES", "READY", "FAILING", "OUT OF SERVICE", "IN FLIGHT", "RUN", "BLOCKED BY"];
    let rows = pools.map(|pool| row(query, pool)).collect();
    query.table(&headers, rows, "no RepairPool: nothing is observed or repaired before there is one")
}

fn row(query: &Query<'_>, pool: &Pool) -> Vec<Field> {
    let fleet = Fleet::new(query.snapshot);
    let sets = fleet.area(pool);
    let nodes: Vec<_> = query.snapshot.nodes_of(pool).collect();
    let ready = nodes.iter().filter(|node| node.ready() == Some(true)).count();
    let failing = nodes.iter().filter(|node| fails(query, &node.uid)).count();
    let out = format!("{} of {}", sets.unavailable.len(), pool.budget.max_unavailable);
    let runs: Vec<_> = open_runs(query, pool).collect();
    let doing: Vec<_> = runs.iter().map(|run| format!("{} ({:?})", run.name, run.status.phase)).collect();
    vec![
        Field::from(&pool.name),
        if nodes.is_empty() { toned("0", Tone::Bad) } else { Field::from(nodes.len()) },
        toned(ready, if ready < nodes.len() { Tone::Bad } else { Tone::Plain }),
        toned(failing, if failing > 0 { Tone::Careful } else { Tone::Plain }),
        Field::from(out),
        Field::from(sets.in_flight.len()),
        Field::from(doing.join(", ")),
        blocked(query, pool, &runs),
    ]
}

fn fails(query: &Query<'_>, node: &nodemend_core::ids::NodeUid) -> bool {
    let reports = query.snapshot.reports.get(node).into_iter().flat_map(|reports| reports.values());
    let mut valid =
        reports.filter(|report| report.expires_at > query.now).flat_map(|report| report.results.values());
    valid.any(|result| result.state == CheckState::Fail)
}

fn open_runs<'a>(query: &Query<'a>, pool: &'a Pool) -> impl Iterator<Item = &'a Run> {
    let runs = query.snapshot.runs.values();
    runs.filter(|run| run.request.pool == pool.name && !run.status.phase.is_over())
}

/// Holds first, then what its runs wait for, then what will stop any run.
fn blocked(query: &Query<'_>, pool: &Pool, runs: &[&Run]) -> Field {
    let holds = query.snapshot.holds.values().filter(|hold| hold.until.is_none_or(|until| until > query.now));
    let on_pool = holds.filter(|hold| match &hold.scope {
        HoldScope::Cluster {} => true,
        HoldScope::Pool { name } => *name == pool.name,
        _ => false,
    });
    let told = |hold: &Hold| match &hold.message {
        Some(message) => format!("hold/{} ({message})", hold.name),
        None => format!("hold/{}", hold.name),
    };
    let mut found: Vec<_> = on_pool.map(told).collect();
    if query.snapshot.guard.is_none() {
        found.push("no RepairGuard".to_owned());
    }
    let of_runs = runs.iter().flat_map(|run| &run.status.blockers);
    found.extend(of_runs.map(|blocker| format!("{} {}", blocker.reason, blocker.object)));
    found.extend(pool.unsupported.iter().map(|field| format!("{field} is not honoured yet")));
    found.dedup();
    toned(found.join(", "), Tone::Careful)
}
