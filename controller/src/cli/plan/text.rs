//! A plan as text: the steps, the nodes in their order, those left out and why, and what would start now.

use std::fmt::Write as _;

use nodemend_core::blocker::Blocker;
use nodemend_core::ids::{CheckId, NodeName};
use nodemend_core::plan::PlannedNode;
use nodemend_core::playbook::{Risk, Step};
use nodemend_core::snapshot::NodeSelection;

use super::Plan;
use crate::cli::output::{Field, Look, Tone, age, count, span, toned};

/// The whole plan.
pub(super) fn plan(plan: &Plan<'_>, look: Look) -> String {
    let steps = steps(&plan.draft.header.steps, look);
    [head(plan, look), steps, nodes(plan, look), left_out(plan, look), start(plan, look)].concat()
}

fn head(plan: &Plan<'_>, look: Look) -> String {
    let playbook = &plan.draft.header.playbook;
    let tone = if playbook.risk == Risk::Low { Tone::Plain } else { Tone::Careful };
    let risk = look.paint(format!("{:?}", playbook.risk), tone);
    let name = look.paint(format!("{} {}", playbook.name, playbook.version), Tone::Strong);
    let mut text = format!("Pool {}: {name}, risk {risk}\n", look.paint(&plan.request.pool, Tone::Strong));
    let _ = writeln!(text, "  {}", playbook.summary);
    let _ = writeln!(text, "  for {}", selection(&plan.request.nodes));
    for (name, value) in &plan.draft.header.parameters {
        let _ = writeln!(text, "  with {name} = {value}");
    }
    text
}

fn selection(nodes: &NodeSelection) -> String {
    match nodes {
        NodeSelection::Policy { name, rung: 0 } => format!("nodes that policy {name} matches"),
        NodeSelection::Policy { name, rung } => {
            format!("nodes that policy {name} matches, at step {rung} of its escalation")
        }
        NodeSelection::Findings { checks } => {
            let checks: Vec<_> = checks.iter().map(CheckId::as_str).collect();
            format!("nodes that fail {}", checks.join(" or "))
        }
        NodeSelection::Named { names } => format!("{} named by hand", count(names.len(), "node")),
    }
}

/// The steps under their phases, each with its command.
pub(in crate::cli) fn steps(steps: &[Step], look: Look) -> String {
    let mut phase = None;
    let rows = steps.iter().map(|step| {
        let new = phase.replace(step.phase) != Some(step.phase);
        let shown = if new { format!("{:?}", step.phase) } else { String::from(" ") };
        vec![
            toned(shown, Tone::Strong),
            Field::from(&step.name),
            Field::from(step.action.action().describe()),
            toned(format!("at most {}", span(step.time_limit())), Tone::Dim),
        ]
    });
    let rows = rows.collect();
    format!("\n{}\n{}", look.heading("On each node"), look.table(2, &[], rows))
}

fn nodes(plan: &Plan<'_>, look: Look) -> String {
    let nodes = &plan.draft.nodes;
    let looked_at = plan.draft.considered.len();
    if nodes.is_empty() {
        let none = look.heading("No node needs it");
        return format!("\n{none}: {} looked at\n", count(looked_at, "node"));
    }
    let batches = nodes.last().map_or(0, |node| node.batch as usize + 1);
    let batches = if batches == 1 { "1 batch".to_owned() } else { format!("{batches} batches") };
    let heading = format!("{} of {}, in {batches}, in this order", nodes.len(), count(looked_at, "node"));
    let rows = nodes.iter().map(|node| row(plan, node)).collect();
    format!(
        "\n{}\n{}",
        look.heading(&heading),
        look.table(2, &["BATCH", "NODE", "STATE", "SINCE", "WHY"], rows)
    )
}

fn row(plan: &Plan<'_>, planned: &PlannedNode) -> Vec<Field> {
    let considered = plan.draft.considered.iter().find(|considered| considered.node == planned.name);
    let since = planned.evidence.iter().filter_map(|evidence| evidence.since).min();
    vec![
        Field::from(planned.batch + 1),
        Field::from(&planned.name),
        state(plan, planned),
        Field::from(age(since, plan.now)),
        Field::from(considered.map_or("", |considered| considered.why.as_str())),
    ]
}

fn state(plan: &Plan<'_>, planned: &PlannedNode) -> Field {
    let Some(node) = plan.snapshot.nodes.get(&planned.name) else { return toned("gone", Tone::Bad) };
    crate::cli::get::node_state(node)
}

fn left_out(plan: &Plan<'_>, look: Look) -> String {
    let out: Vec<_> = plan.draft.considered.iter().filter(|considered| !considered.included).collect();
    if out.is_empty() {
        return String::new();
    }
    let rows =
        out.iter().map(|out| vec![Field::from(&out.node), Field::from(out.reason), Field::from(&out.why)]);
    let table = look.table(2, &["NODE", "REASON", "WHY NOT"], rows.collect());
    format!("\n{}\n{table}", look.heading(&format!("{} left out", count(out.len(), "node"))))
}

fn start(plan: &Plan<'_>, look: Look) -> String {
    if plan.draft.nodes.is_empty() {
        return String::new();
    }
    let start = &plan.start;
    let mut text = format!("\n{}\n", look.heading("If it were started now"));
    if !start.nodes.is_empty() {
        let names: Vec<_> = start.nodes.iter().map(NodeName::as_str).collect();
        let _ = writeln!(text, "  {} at once: {}", look.paint("would begin", Tone::Good), names.join(", "));
    }
    if start.nodes.is_empty() && !start.blockers.is_empty() {
        let _ = writeln!(text, "  {}, it would wait for:", look.paint("no node would begin", Tone::Careful));
    }
    text + &blockers(&start.blockers, look)
}

/// What is waited for, one line each.
pub(in crate::cli) fn blockers(blockers: &[Blocker], look: Look) -> String {
    let rows = blockers.iter().map(|blocker| {
        vec![toned(&blocker.reason, Tone::Careful), Field::from(&blocker.object), Field::from(&blocker.next)]
    });
    if blockers.is_empty() { String::new() } else { look.table(2, &[], rows.collect()) }
}
