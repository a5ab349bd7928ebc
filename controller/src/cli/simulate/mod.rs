//! `nodemend simulate`: how a rollout would go, in virtual time, by the controller's own decisions. Nothing is written.

mod generated;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use nodemend_api::scenario::{Act, Scenario, ScenarioError};
use nodemend_core::sim::gauge::Gauges;
use nodemend_core::sim::{Change, Ended, Report, Settings, Simulation, World};
use nodemend_core::snapshot::PolicyMode;
use nodemend_core::time::Span;
use serde::Serialize;

use self::generated::Generated;
use super::CliError;
use super::client::Connection;
use super::output::{Format, Look, print, print_object};
use crate::clock::now;

const EXAMPLES: &str = "\
Examples:
  nodemend simulate                            what this cluster's runs and policies would do from now on
  nodemend simulate --enforce                  the same, if its policies were all in mode Enforce
  nodemend simulate --file cluster.yaml        a cluster in a file: pools, nodes, policies, runs, what happens
  nodemend simulate --nodes 100000 --zones 3 --failure-rate 0.01 --seed 1
  nodemend simulate --nodes 500 --max-unavailable 10 --batch 1,10,50 --node-time 12m --max-failures 3

Repairs are drawn, not done: each takes --node-time and up to --spread percent more, and fails as often
as --failure-rate says. Everything else is decided as the controller decides it. The same seed gives the
same answer. The lower bound is what no rollout with these batches and budgets can beat: waves times
--node-time, plus soaks; a wave is a batch, or as much of it as may be in flight at once.";

/// A simulation that gathers changes for longer than the planner does, from this many nodes on.
const MANY_NODES: usize = 2000;

/// Flags of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("source").multiple(false).args(["file", "nodes"]))]
pub(super) struct Flags {
    /// A file with a cluster instead of the live one; tests/scenarios/README.md explains the form
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// Take every policy as if it were in mode Enforce
    #[arg(long)]
    enforce: bool,
    #[command(flatten)]
    generated: Generated,
    #[command(flatten)]
    drawn: Drawn,
    /// End after this much virtual time
    #[arg(long, value_name = "TIME", default_value = "720h")]
    at_most: Span,
    /// In which form the answer is printed
    #[arg(long, short, value_enum, default_value_t)]
    output: Format,
}

/// What repairs are like.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How repairs go")]
pub(super) struct Drawn {
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The shortest time in which a node is repaired; without it 10m, or what the file says
    #[arg(long, value_name = "TIME")]
    node_time: Option<Span>,
    /// How much longer a repair may take, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 20)]
    spread: u32,
    /// The share of repairs that fail and leave the node as it was, such as 0.01
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = per_million)]
    failure_rate: u32,
    /// The share of repairs that end held for a person, such as 0.001
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = per_million)]
    held_rate: u32,
}

/// The answer, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    seed: u64,
    ended: &'static str,
    #[serde(flatten)]
    report: Report,
}

/// Simulates, and shows what came of it. The exit status is 1 if a run did not succeed.
pub(super) async fn run(connection: &Connection, flags: &Flags) -> Result<ExitCode, CliError> {
    let mut world = flags.world(connection).await?;
    if flags.enforce {
        world.snapshot.policies.values_mut().for_each(|policy| policy.mode = PolicyMode::Enforce);
    }
    world.gauges = Some(Gauges::new(&world.snapshot, world.now));
    let gather = gather(&world);
    let mut simulation = Simulation::new(world, gather);
    let ended = simulation.run(flags.at_most);
    let report = simulation.report();
    let succeeded = report.runs.iter().all(text::is_good);
    match flags.output {
        Format::Table => print(&text::report(&report, flags.drawn.seed, ended, Look::of_stdout()))?,
        format => print_object(&Answer { seed: flags.drawn.seed, ended: text::word(ended), report }, format)?,
    };
    Ok(if succeeded && ended == Ended::Over { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// How long changes are gathered: as the planner does, or a hundredth of a node's time where rounds are costly.
fn gather(world: &World) -> Span {
    let many = world.snapshot.nodes.len() >= MANY_NODES;
    let coarse = Span((world.settings.node_time.0 / 100).max(250));
    if many { coarse } else { Span(250) }
}

impl Flags {
    async fn world(&self, connection: &Connection) -> Result<World, CliError> {
        if let Some(file) = &self.file {
            return self.of_file(file);
        }
        let settings = self.drawn.settings(Span::minutes(10));
        let now = now();
        if let Some(plan) = self.generated.plan(self.drawn.seed)? {
            return Ok(World::new(nodemend_core::sim::fleet::generate(&plan, now), now, settings));
        }
        Ok(World::new(connection.cluster().await?.snapshot().await?, now, settings))
    }

    fn of_file(&self, file: &std::path::Path) -> Result<World, CliError> {
        let path = file.display().to_string();
        let text =
            std::fs::read_to_string(file).map_err(|source| CliError::File { path: path.clone(), source })?;
        let wrong = |error: ScenarioError| CliError::Usage(format!("{path}: {error}"));
        let scenario = Scenario::read(&text).map_err(wrong)?;
        let mut world = scenario.world(self.drawn.settings(scenario.node_time)).map_err(wrong)?;
        for step in &scenario.steps {
            let at = scenario.start.after(step.at);
            let changes = step.acts.iter().map(|act: &Act| act.changes(at)).collect::<Result<Vec<_>, _>>();
            let changes: Vec<Vec<Change>> = changes.map_err(wrong)?;
            changes.into_iter().flatten().for_each(|change| world.schedule(at, change));
        }
        Ok(world)
    }
}

impl Drawn {
    fn settings(&self, node_time: Span) -> Settings {
        Settings {
            seed: self.seed,
            node_time: self.node_time.unwrap_or(node_time),
            spread: self.spread,
            failures: self.failure_rate,
            helds: self.held_rate,
        }
    }
}

/// A share such as `0.01`, as so many of a million.
fn per_million(text: &str) -> Result<u32, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if !(0.0..=1.0).contains(&share) {
        return Err("not a share from 0 to 1".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
    Ok((share * 1_000_000.0).round() as u32)
}

#[cfg(test)]
mod tests;
