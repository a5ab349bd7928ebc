//! A simulation for people: each run with its batches, how long it takes at least, and what stands in its way.

use std::fmt::Write as _;

use nodemend_core::sim::Ended;
use nodemend_core::sim::gauge::Gauge;
use nodemend_core::sim::report::{Batch, Report, RunReport};
use nodemend_core::snapshot::{Counts, RunPhase};
use nodemend_core::time::Time;

use crate::cli::output::{Field, Look, Tone, count, span, toned};

/// Batches that are shown; of more, the first and the last.
const SHOWN: usize = 24;

/// Everything.
pub(super) fn report(report: &Report, seed: u64, ended: Ended, look: Look) -> String {
    let mut text = format!(
        "Simulated {} from {} on, seed {seed}, {}: {}\n",
        span(report.to.since(report.from)),
        report.from,
        count(usize::try_from(report.rounds).unwrap_or(usize::MAX), "round"),
        sentence(ended, report),
    );
    for run in &report.runs {
        let _ = write!(text, "\n{}", self::run(report, run, look));
    }
    if !report.budgets.is_empty() {
        let _ = write!(text, "\n{}{}", look.heading("Unavailable at once\n"), budgets(report, look));
    }
    text
}

/// Whether nothing is left to be said about the run.
pub(super) fn is_good(run: &RunReport) -> bool {
    run.phase == RunPhase::Succeeded
}

/// How it ended, in a word for programs.
pub(super) const fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Over => "over",
        Ended::Waiting => "waiting",
        Ended::OutOfTime => "outOfTime",
    }
}

fn sentence(ended: Ended, report: &Report) -> &'static str {
    match ended {
        Ended::Over if report.runs.is_empty() => "nothing is to be repaired",
        Ended::Over => "every run is over",
        Ended::Waiting => "what is left waits for somebody, and no time brings it",
        Ended::OutOfTime => "the time is over (--at-most), work is left",
    }
}

fn run(report: &Report, run: &RunReport, look: Look) -> String {
    let tone = if is_good(run) { Tone::Good } else { Tone::Bad };
    let mut text = format!(
        "{} in pool {}: {} ({})\n",
        look.heading(&format!("Run {}", run.name)),
        run.pool,
        look.paint(format!("{:?}", run.phase), tone),
        counts(&run.counts),
    );
    if let Some(message) = &run.message {
        let _ = writeln!(text, "  {}", shortened(message));
    }
    for blocker in &run.blockers {
        let _ = writeln!(text, "  waits: {} {}: {}", blocker.reason, blocker.object, blocker.next);
    }
    text.push_str(&batches(report.from, &run.batches, look));
    let bound = &run.lower_bound;
    let soak = if bound.soak.0 > 0 { format!(" + {} of soaks", span(bound.soak)) } else { String::new() };
    let _ = writeln!(
        text,
        "  makespan {}, lower bound {} = {} x {}{soak}",
        span(run.makespan),
        span(bound.span),
        count(bound.waves as usize, "wave"),
        span(bound.node_time),
    );
    text
}

/// What became of how many nodes, and how many were never begun.
fn counts(counts: &Counts) -> String {
    let shown = [
        (counts.repaired, "repaired"),
        (counts.cleared, "cleared"),
        (counts.replaced, "replaced"),
        (counts.skipped, "skipped"),
        (counts.failed, "failed"),
        (counts.held, "held"),
        (counts.in_flight, "in flight"),
    ];
    let begun: u32 = shown.iter().map(|(count, _)| count).sum();
    let left = counts.planned.saturating_sub(begun);
    let left = (left > 0).then(|| format!("{left} not begun"));
    let shown = shown.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let parts: Vec<String> = shown.chain(left).collect();
    format!("{} nodes: {}", counts.planned, parts.join(", "))
}

/// A message of a run names every node that failed; the first few and the end will do here.
fn shortened(message: &str) -> String {
    let parts: Vec<&str> = message.split("; ").collect();
    match &parts[..] {
        [first, second, .., last] if parts.len() > 4 => {
            format!("{first}; {second}; … {} more; {last}", parts.len() - 3)
        }
        _ => message.to_owned(),
    }
}

fn batches(from: Time, batches: &[Batch], look: Look) -> String {
    let rows = |batches: &[Batch]| batches.iter().map(|batch| row(from, batch)).collect::<Vec<_>>();
    let (head, tail) = batches.split_at(batches.len().min(SHOWN));
    let mut shown = rows(head);
    if let [.., last] = tail {
        let more = format!("… {} more", tail.len() - 1);
        shown.push(vec![Field::from(more)]);
        shown.push(row(from, last));
    }
    if shown.is_empty() {
        return "  no batch was begun\n".to_owned();
    }
    let headers = ["Batch", "Start", "End", "Nodes", "Repaired", "Failed", "Held", "Other"];
    look.table(2, &headers, shown)
}

fn row(from: Time, batch: &Batch) -> Vec<Field> {
    let bad = |count: u32| toned(count, if count > 0 { Tone::Bad } else { Tone::Plain });
    vec![
        batch.batch.into(),
        format!("+{}", span(batch.start.since(from))).into(),
        format!("+{}", span(batch.end.since(from))).into(),
        batch.nodes.into(),
        batch.repaired.into(),
        bad(batch.failed),
        bad(batch.held),
        batch.other.into(),
    ]
}

fn budgets(report: &Report, look: Look) -> String {
    let row = |(object, gauge): (&String, &Gauge)| {
        let over = gauge.allowed.is_some_and(|allowed| gauge.peak > allowed.max(gauge.at_first));
        vec![
            object.into(),
            toned(gauge.peak, if over { Tone::Bad } else { Tone::Plain }),
            gauge.allowed.map_or_else(|| "no limit".to_owned(), |allowed| allowed.to_string()).into(),
            gauge.nodes.into(),
            gauge.at_first.into(),
            format!("+{}", span(gauge.peak_at.since(report.from))).into(),
        ]
    };
    let headers = ["Budget of", "Peak", "Allowed", "Nodes", "At first", "When"];
    look.table(2, &headers, report.budgets.iter().map(row).collect())
}
