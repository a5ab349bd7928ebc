//! A cluster out of flags: one pool of nodes that all have the same finding, and a run over them.

use std::collections::BTreeMap;

use clap::Args;
use nodemend_core::budget::{Budget, IntOrPercent, ZoneBudget};
use nodemend_core::playbook::{Playbook, builtin, lint::lint};
use nodemend_core::rollout::{Canary, Rollout};
use nodemend_core::sim::fleet::Plan;
use nodemend_core::time::Span;

use super::per_million;
use crate::cli::CliError;
use crate::cli::select::share;

/// The playbook of a generated cluster's run, and a check that finds what it is for.
const PLAYBOOK: &str = "drain-and-reboot";
const CHECK: &str = "node.systemd-dbus";

/// Flags of a generated cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "A generated cluster")]
pub(super) struct Generated {
    /// Generate a pool of this many nodes, all with a finding, and a run over them
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u32).range(1..=102_400))]
    nodes: Option<u32>,
    /// Zones that the nodes are spread over
    #[arg(long, value_name = "ZONES", default_value_t = 1, requires = "nodes",
        value_parser = clap::value_parser!(u32).range(1..=26))]
    zones: u32,
    /// The share of nodes that are not Ready at the beginning
    #[arg(long, value_name = "SHARE", default_value = "0", requires = "nodes", value_parser = per_million)]
    not_ready: u32,
    /// Nodes that may be unavailable at once, as a number or a share
    #[arg(long, value_name = "SIZE", default_value = "10%", requires = "nodes", value_parser = share)]
    max_unavailable: IntOrPercent,
    /// Nodes that may be under repair at once; without it as many as may be unavailable
    #[arg(long, value_name = "SIZE", requires = "nodes", value_parser = share)]
    max_in_flight: Option<IntOrPercent>,
    /// Nodes of one zone that may be unavailable at once
    #[arg(long, value_name = "SIZE", requires = "nodes", value_parser = share)]
    per_zone: Option<IntOrPercent>,
    /// Sizes of the batches; without it, what may be in flight at once
    #[arg(long, value_name = "SIZES", value_delimiter = ',', requires = "nodes", value_parser = share)]
    batch: Vec<IntOrPercent>,
    /// Nodes that are repaired before all others
    #[arg(long, value_name = "SIZE", requires = "nodes", value_parser = share)]
    canary: Option<IntOrPercent>,
    /// Pause after the canary and after each batch
    #[arg(long, value_name = "TIME", requires = "nodes")]
    soak: Option<Span>,
    /// How many nodes may fail before nothing more starts
    #[arg(long, value_name = "NODES", default_value = "5%", requires = "nodes", value_parser = share)]
    max_failures: IntOrPercent,
}

impl Generated {
    /// What is to be generated, if anything is.
    pub(super) fn plan(&self, seed: u64) -> Result<Option<Plan>, CliError> {
        let Some(nodes) = self.nodes else { return Ok(None) };
        let per_zone = self.per_zone.clone();
        Ok(Some(Plan {
            nodes,
            zones: self.zones,
            not_ready: self.not_ready,
            seed,
            budget: Budget {
                max_unavailable: self.max_unavailable.clone(),
                max_in_flight: self.max_in_flight.clone(),
                per_zone: per_zone.map(|max_unavailable| ZoneBudget { max_unavailable, max_in_flight: None }),
                rate: None,
            },
            rollout: self.rollout(),
            check: CHECK.into(),
            playbook: playbook()?,
            parameters: BTreeMap::new(),
        }))
    }

    fn rollout(&self) -> Rollout {
        let soak = self.soak.unwrap_or_default();
        Rollout {
            canary: self.canary.clone().map(|nodes| Canary { nodes, soak }),
            batches: self.batch.clone(),
            soak: self.soak,
            max_failures: self.max_failures.clone(),
            ..Rollout::default()
        }
    }
}

fn playbook() -> Result<Playbook, CliError> {
    let mut texts = builtin::ALL.iter().filter_map(|builtin| lint(builtin.text).ok());
    let found = texts.rfind(|playbook| playbook.name == PLAYBOOK);
    found.ok_or_else(|| CliError::Usage(format!("this program comes without playbook {PLAYBOOK}")))
}
