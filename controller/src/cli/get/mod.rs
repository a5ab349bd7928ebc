//! `nodemend get`: what there is, what it is doing and what blocks it.

mod guard;
mod holds;
mod nodes;
mod objects;
mod playbooks;
mod policies;
mod pools;
mod reports;
mod run;
mod runs;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use nodemend_core::snapshot::Snapshot;
use nodemend_core::time::Time;

use super::CliError;
use super::client::Connection;
use super::output::{Format, Look, print};
use crate::clock::now;

pub(super) use holds::{scope, why};
pub(super) use nodes::{last_repair, node_state};
pub(super) use playbooks::risk;
pub(super) use reports::result_fields;
pub(super) use run::detail;
pub(super) use runs::phase_tone;

const EXAMPLES: &str = "\
Examples:
  nodemend get nodes --pool web
  nodemend get runs
  nodemend get run old-systemd-1f2e3d4c        every node of the run, and how to go on where it is held
  nodemend get holds -o yaml";

/// Flags of `get`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Flags {
    /// What to show
    #[arg(value_name = "KIND")]
    what: What,
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only what belongs to this pool (nodes, runs, reports)
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// In which form
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Kinds, under the names that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// Pools
    #[value(aliases = ["pool", "repairpools", "repairpool", "rpool"])]
    Pools,
    /// Policies
    #[value(aliases = ["policy", "repairpolicies", "repairpolicy", "rpolicy"])]
    Policies,
    /// Runs
    #[value(aliases = ["repairruns", "rruns"])]
    Runs,
    /// One run in full
    #[value(aliases = ["repairrun", "rrun"])]
    Run,
    /// Holds
    #[value(alias = "hold")]
    Holds,
    /// Playbooks that are installed
    #[value(alias = "playbook")]
    Playbooks,
    /// Nodes
    #[value(alias = "node")]
    Nodes,
    /// What was observed on the nodes
    #[value(aliases = ["report", "diagnosisreports", "diagnosisreport", "dreport", "findings"])]
    Reports,
    /// The guard: cluster-wide limits and grants
    #[value(aliases = ["repairguard", "rguard"])]
    Guard,
}

/// What is asked of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) names: &'a [String],
    pub(super) pool: Option<&'a str>,
    pub(super) now: Time,
    pub(super) look: Look,
}

impl<'a> Query<'a> {
    /// Whether the object of this name is asked for.
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    /// Whether what belongs to these pools is asked for.
    fn wants_pool(&self, mut pools: impl Iterator<Item = &'a str>) -> bool {
        self.pool.is_none_or(|wanted| pools.any(|pool| pool == wanted))
    }

    /// The table, or a word for why it is empty.
    fn table(&self, headers: &[&str], rows: Vec<Vec<super::output::Field>>, none: &str) -> String {
        if rows.is_empty() { format!("{none}\n") } else { self.look.table(0, headers, rows) }
    }
}

/// Shows what is asked for.
pub(super) async fn run(connection: &Connection, flags: &Flags) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    if flags.output != Format::Table {
        return objects::print(&cluster, flags.what, &flags.names, flags.output).await;
    }
    let snapshot = cluster.snapshot().await?;
    let look = Look::of_stdout();
    let query =
        Query { snapshot: &snapshot, names: &flags.names, pool: flags.pool.as_deref(), now: now(), look };
    known(&query, flags.what)?;
    print(&table(&query, flags.what)?)?;
    tell_undecodable(&snapshot);
    Ok(ExitCode::SUCCESS)
}

fn table(query: &Query<'_>, what: What) -> Result<String, CliError> {
    Ok(match what {
        What::Pools => pools::table(query),
        What::Policies => policies::table(query),
        What::Runs => runs::table(query),
        What::Run => run::all(query)?,
        What::Holds => holds::table(query),
        What::Playbooks => playbooks::table(query),
        What::Nodes => nodes::table(query),
        What::Reports => reports::table(query),
        What::Guard => guard::text(query)?,
    })
}

/// Every name that is asked for has to exist.
fn known(query: &Query<'_>, what: What) -> Result<(), CliError> {
    let world = query.snapshot;
    if let Some(pool) = query.pool.filter(|pool| !world.pools.contains_key(*pool)) {
        return Err(super::select::missing(world, "RepairPool", pool));
    }
    let node = |name: &String| world.nodes.contains_key(&name.as_str().into());
    for name in query.names {
        let (kind, there) = match what {
            What::Pools => ("RepairPool", world.pools.contains_key(name)),
            What::Policies => ("RepairPolicy", world.policies.contains_key(name)),
            What::Runs | What::Run => ("RepairRun", world.runs.contains_key(name)),
            What::Holds => ("Hold", world.holds.contains_key(name)),
            What::Playbooks => {
                ("Playbook", world.playbooks.values().any(|p| p.name == *name || p.object_name() == *name))
            }
            What::Nodes | What::Reports => ("Node", node(name)),
            What::Guard => ("RepairGuard", name == nodemend_api::guard::GUARD_NAME),
        };
        if !there {
            return Err(super::select::missing(world, kind, name));
        }
    }
    Ok(())
}

/// Objects that cannot be decoded are in no table, and may stop everything.
fn tell_undecodable(snapshot: &Snapshot) {
    for (object, why) in &snapshot.undecodable {
        eprintln!(
            "warning: {object} cannot be decoded, what depends on it waits: {why}; correct or delete it"
        );
    }
}

#[cfg(test)]
mod tests;
