//! `nodemend get run NAME`: every node of one run: where it is, what it waits for, and how to go on where it is held.

use std::fmt::Write as _;

use nodemend_core::decide::plan_of;
use nodemend_core::ids::remediation_name;
use nodemend_core::plan::PlannedNode;
use nodemend_core::snapshot::{Mark, Remediation, Run, Snapshot};
use nodemend_core::time::Time;

use super::Query;
use super::runs::phase_tone;
use crate::cli::CliError;
use crate::cli::output::{Field, Look, Tone, age, count, toned};
use crate::cli::repair::{blockers, planned, progress, unsaid};

/// The runs that are named, in full.
pub(super) fn all(query: &Query<'_>) -> Result<String, CliError> {
    if query.names.is_empty() {
        return Err(CliError::Usage(
            "name the run: nodemend get run NAME (`nodemend get runs` lists them)".to_owned(),
        ));
    }
    let runs = query.snapshot.runs.values().filter(|run| query.wants(&run.name));
    let texts: Vec<_> = runs.map(|run| detail(query.snapshot, run, query.now, query.look)).collect();
    Ok(texts.join("\n"))
}

/// One run in full.
pub(in crate::cli) fn detail(snapshot: &Snapshot, run: &Run, now: Time, look: Look) -> String {
    let nodes = nodes(snapshot, run);
    [head(run, now, look), waits(run, now, look), table(&nodes, now, look), how_to_go_on(&nodes, look)]
        .concat()
}

fn head(run: &Run, now: Time, look: Look) -> String {
    let (request, status) = (&run.request, &run.status);
    let phase = look.paint(format!("{:?}", status.phase), phase_tone(status.phase));
    let mut text = format!("Run {}: {phase}\n", look.paint(&run.name, Tone::Strong));
    if run.deleting {
        let _ =
            writeln!(text, "  {}", look.paint("deleted; it goes when its nodes are put back", Tone::Careful));
    }
    if let Some(message) = &status.message {
        let _ = writeln!(text, "  {message}");
    }
    let _ = writeln!(text, "  pool {}, playbook {} {}", request.pool, request.playbook, request.version);
    let change = request.change_ref.as_ref().map(|change| format!(", change {change}")).unwrap_or_default();
    let _ = writeln!(text, "  asked by {} {} ago{change}", request.requested_by, age(Some(run.created), now));
    if let Some(plan) = &status.plan {
        let (nodes, batches) = (count(plan.nodes as usize, "node"), plan.batches);
        let batch = (status.batch + 1).min(batches.max(1));
        let _ = writeln!(text, "  plan {}: {nodes}, batch {batch} of {batches}", plan.digest.short());
    }
    if let Some(started) = status.started_at {
        let end = status.finished_at.unwrap_or(now);
        let verb = if status.finished_at.is_some() { "took" } else { "running for" };
        let _ = writeln!(text, "  {verb} {}", age(Some(started), end));
    }
    text
}

fn waits(run: &Run, now: Time, look: Look) -> String {
    let row = |blocker: &nodemend_core::blocker::Blocker| {
        vec![
            toned(&blocker.reason, Tone::Careful),
            Field::from(&blocker.object),
            Field::from(age(blocker.since, now)),
            Field::from(&blocker.next),
        ]
    };
    if run.status.blockers.is_empty() {
        return String::new();
    }
    let rows = run.status.blockers.iter().map(row).collect();
    format!("\n{}\n{}", look.heading("Waits for"), look.table(2, &[], rows))
}

/// A planned node, its repair if there is one, and what the run remembers of it.
type Row<'a> = (&'a PlannedNode, Option<&'a Remediation>, Mark);

fn nodes<'a>(snapshot: &'a Snapshot, run: &Run) -> Vec<Row<'a>> {
    let in_plan = plan_of(snapshot, run).map(|(_, nodes)| nodes).unwrap_or_default();
    let of = |node: &PlannedNode| snapshot.remediations.get(&remediation_name(&run.uid, &node.uid));
    in_plan
        .into_iter()
        .zip(run.status.nodes.marks())
        .map(|((_, node), mark)| (node, of(node), mark))
        .collect()
}

fn table(nodes: &[Row<'_>], now: Time, look: Look) -> String {
    if nodes.is_empty() {
        return String::new();
    }
    let rows = nodes.iter().map(|(node, remediation, mark)| {
        let progress = planned(*remediation, *mark);
        let waits = blockers(*remediation).iter().map(|blocker| blocker.object.as_str());
        vec![
            Field::from(node.batch + 1),
            Field::from(&node.name),
            toned(&progress.state, progress.tone),
            Field::from(&progress.step),
            Field::from(progress.time(now)),
            toned(waits.collect::<Vec<_>>().join(", "), Tone::Careful),
            Field::from(in_short(*remediation, &progress.message)),
        ]
    });
    let headers = ["BATCH", "NODE", "STATE", "STEP", "TIME", "WAITS FOR", "MESSAGE"];
    format!("\n{}", look.table(0, &headers, rows.collect()))
}

/// What is said in full below the table is only named in it.
fn in_short(remediation: Option<&Remediation>, message: &str) -> String {
    let held = remediation.filter(|remediation| remediation.is_held());
    match held.and_then(|held| held.journal.as_ref()?.reason.as_deref()) {
        Some(reason) => format!("{reason}, see below"),
        None => message.to_owned(),
    }
}

/// What failed on held nodes and what lets each go on; what others wait for, in full.
fn how_to_go_on(nodes: &[Row<'_>], look: Look) -> String {
    let mut text = String::new();
    for (node, remediation, _) in nodes {
        for blocker in unsaid(*remediation) {
            let held = remediation.is_some_and(Remediation::is_held);
            let word = if held { look.paint("held", Tone::Bad) } else { look.paint("waits", Tone::Careful) };
            let _ = write!(text, "\n{} {word} ({})", look.paint(&node.name, Tone::Strong), blocker.reason);
            let message = progress(*remediation).message;
            let _ = writeln!(
                text,
                "{}",
                if held { format!(": {message}") } else { format!(" for {}", blocker.object) }
            );
            let _ = writeln!(text, "  {} {}", look.paint("next:", Tone::Strong), blocker.next);
        }
    }
    text
}
