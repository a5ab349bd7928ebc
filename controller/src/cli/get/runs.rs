//! `nodemend get runs`: how far each run is, and what it waits for.

use std::cmp::Reverse;

use nodemend_core::snapshot::{Run, RunPhase};

use super::Query;
use crate::cli::output::{Field, Tone, age, toned};

/// One line per run, the newest first.
pub(super) fn table(query: &Query<'_>) -> String {
    let wanted =
        |run: &&Run| query.wants(&run.name) && query.wants_pool(std::iter::once(run.request.pool.as_str()));
    let mut runs: Vec<_> = query.snapshot.runs.values().filter(wanted).collect();
    runs.sort_by_key(|run| Reverse(run.created));
    let headers =
        ["RUN", "POOL", "PLAYBOOK", "PHASE", "DONE", "IN FLIGHT", "BAD", "AGE", "ASKED BY", "BLOCKED BY"];
    let rows = runs.into_iter().map(|run| row(query, run)).collect();
    query.table(&headers, rows, "no RepairRun: nothing has been repaired yet")
}

fn row(query: &Query<'_>, run: &Run) -> Vec<Field> {
    let counts = &run.status.counts;
    let done = counts.repaired + counts.cleared + counts.replaced + counts.skipped;
    let bad = counts.failed + counts.held;
    let nodes = run.status.plan.as_ref().map_or(counts.planned, |plan| plan.nodes);
    let blocked: Vec<_> =
        run.status.blockers.iter().map(|blocker| format!("{} {}", blocker.reason, blocker.object)).collect();
    vec![
        Field::from(&run.name),
        Field::from(&run.request.pool),
        Field::from(format!("{} {}", run.request.playbook, run.request.version)),
        phase(run.status.phase),
        Field::from(format!("{done}/{nodes}")),
        Field::from(counts.in_flight),
        toned(bad, if bad > 0 { Tone::Bad } else { Tone::Plain }),
        Field::from(age(Some(run.created), query.now)),
        Field::from(&run.request.requested_by),
        toned(blocked.join(", "), Tone::Careful),
    ]
}

/// A phase in its colour.
pub(super) fn phase(phase: RunPhase) -> Field {
    toned(format!("{phase:?}"), phase_tone(phase))
}

/// How good a phase is.
pub(in crate::cli) const fn phase_tone(phase: RunPhase) -> Tone {
    match phase {
        RunPhase::Succeeded => Tone::Good,
        RunPhase::Pending | RunPhase::Planned | RunPhase::Running => Tone::Plain,
        RunPhase::Expired | RunPhase::Superseded | RunPhase::Aborted => Tone::Careful,
        RunPhase::Stopped | RunPhase::Failed => Tone::Bad,
    }
}
