//! `nodemend explain NODE`: why a node is, or is not, being repaired.

mod verdict;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use nodemend_core::decide::{Subject, applies};
use nodemend_core::matching::match_policy;
use nodemend_core::snapshot::{Fleet, HoldScope, Node, Pool, Snapshot};
use nodemend_core::time::Time;

use super::CliError;
use super::client::Connection;
use super::get::{last_repair, node_state, result_fields, scope, why};
use super::output::{Field, Look, Tone, age, print, toned};
use super::plan::blockers as blocker_table;
use super::repair::{blockers, line, progress};
use crate::clock::now;

/// Flags of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nodemend explain web-3")]
pub(super) struct Flags {
    /// The node
    #[arg(value_name = "NODE")]
    node: String,
}

/// Explains one node.
pub(super) async fn run(connection: &Connection, flags: &Flags) -> Result<ExitCode, CliError> {
    let snapshot = connection.cluster().await?.snapshot().await?;
    let node = snapshot.nodes.get(&flags.node.as_str().into());
    let node = node.ok_or_else(|| CliError::not_found("Node", &flags.node))?;
    print(&Explained { snapshot: &snapshot, node, now: now(), look: Look::of_stdout() }.text())
}

/// A node, and everything that it is explained with.
struct Explained<'a> {
    snapshot: &'a Snapshot,
    node: &'a Node,
    now: Time,
    look: Look,
}

impl Explained<'_> {
    fn text(&self) -> String {
        let verdict = verdict::of(self.snapshot, self.node, self.now);
        let head = format!("{}: {}\n", self.look.paint(&self.node.name, Tone::Strong), verdict.text);
        let waits = blocker_table(&verdict.blockers, self.look);
        [head, waits, self.facts(), self.findings(), self.policies(), self.holds(), self.repair()].concat()
    }

    fn pools(&self) -> Vec<&Pool> {
        self.snapshot.pools.values().filter(|pool| pool.selector.matches(&self.node.labels)).collect()
    }

    fn facts(&self) -> String {
        let ready = self.node.conditions.get("Ready").and_then(|condition| condition.since);
        let mut rows = vec![vec![
            Field::from("state"),
            node_state(self.node),
            Field::from(format!("Ready condition unchanged for {}", age(ready, self.now))),
        ]];
        let fleet = Fleet::new(self.snapshot);
        for pool in self.pools() {
            let sets = fleet.area(pool);
            let (out, may) = (sets.unavailable.len(), &pool.budget.max_unavailable);
            let budget = format!(
                "{out} of {} nodes out of service, {may} may be; {} in flight",
                sets.total,
                sets.in_flight.len()
            );
            rows.push(vec![Field::from("pool"), Field::from(&pool.name), Field::from(budget)]);
        }
        format!("\n{}", self.look.table(2, &[], rows))
    }

    fn findings(&self) -> String {
        let reports = self.snapshot.reports.get(&self.node.uid).into_iter().flatten();
        let rows: Vec<_> = reports
            .flat_map(|(source, report)| report.results.values().map(move |result| (source, report, result)))
            .map(|(source, report, result)| {
                let [state, severity, since, seen, message] = result_fields(self.now, report, result);
                vec![Field::from(&result.check), state, severity, since, seen, Field::from(source), message]
            })
            .collect();
        let heading = self.look.heading("Checks");
        if rows.is_empty() {
            return format!("\n{heading}\n  none: the node has not been observed\n");
        }
        let headers = ["CHECK", "STATE", "SEVERITY", "FOR", "SEEN", "SOURCE", "MESSAGE"];
        format!("\n{heading}\n{}", self.look.table(2, &headers, rows))
    }

    fn policies(&self) -> String {
        let pools = self.pools();
        let of_pools = |policy: &&nodemend_core::snapshot::Policy| {
            pools.iter().any(|pool| policy.pools.contains(&pool.name))
        };
        let rows: Vec<_> = self
            .snapshot
            .policies
            .values()
            .filter(of_pools)
            .map(|policy| {
                let found = match_policy(self.snapshot, policy, self.node, self.now);
                let word = if found.matched() {
                    toned("matches", Tone::Careful)
                } else {
                    toned("does not match", Tone::Dim)
                };
                let mode = Field::from(format!("{:?}", policy.mode));
                vec![Field::from(&policy.name), mode, word, Field::from(found.why.join("; "))]
            })
            .collect();
        let heading = self.look.heading("Policies of its pool");
        if rows.is_empty() {
            format!("\n{heading}\n  none\n")
        } else {
            format!("\n{heading}\n{}", self.look.table(2, &[], rows))
        }
    }

    fn holds(&self) -> String {
        let open: Vec<_> = self.snapshot.runs.values().filter(|run| !run.status.phase.is_over()).collect();
        let stops = |hold: &&nodemend_core::snapshot::Hold| match &hold.scope {
            HoldScope::Cluster {} => true,
            HoldScope::Node { name } => *name == self.node.name.0,
            HoldScope::Pool { name } | HoldScope::Playbook { pool: name, .. } => {
                self.pools().iter().any(|pool| pool.name == *name)
            }
            other => open.iter().any(|run| {
                applies(other, &Subject::run(run)) && self.pools().iter().any(|p| p.name == run.request.pool)
            }),
        };
        let in_force =
            self.snapshot.holds.values().filter(|hold| hold.until.is_none_or(|until| until > self.now));
        let rows: Vec<_> = in_force
            .filter(stops)
            .map(|hold| {
                let said =
                    format!("{} (by {}, {} ago)", why(hold), hold.held_by, age(Some(hold.created), self.now));
                vec![toned(&hold.name, Tone::Careful), Field::from(scope(&hold.scope)), Field::from(said)]
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        format!("\n{}\n{}", self.look.heading("Holds"), self.look.table(2, &[], rows))
    }

    fn repair(&self) -> String {
        let Some(last) = last_repair(self.snapshot, self.node) else { return String::new() };
        let progress = progress(Some(last));
        let mut text = format!("\n{} (run {})\n", self.look.heading("Last repair"), last.run);
        let _ = writeln!(text, "  {}", self.look.paint(line(&progress, self.now), progress.tone));
        for record in last.journal.iter().flat_map(|journal| &journal.steps) {
            if let Some(started) = record.started_at {
                let took = age(Some(started), record.finished_at.unwrap_or(self.now));
                let _ = writeln!(text, "    {:<10} {:?} in {took}", record.name, record.state);
            }
        }
        text + &blocker_table(blockers(Some(last)), self.look)
    }
}
