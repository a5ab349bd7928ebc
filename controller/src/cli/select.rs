//! Which nodes, which playbook, how spread: the flags that `plan` and `run` share, and the request they ask for.

use std::collections::{BTreeMap, BTreeSet};

use clap::{ArgGroup, Args};
use nodemend_core::budget::IntOrPercent;
use nodemend_core::decide::newest;
use nodemend_core::ids::{CheckId, NodeName};
use nodemend_core::playbook::Playbook;
use nodemend_core::rollout::{Canary, Order};
use nodemend_core::snapshot::{NodeSelection, Policy, RunRequest, Snapshot};
use nodemend_core::time::{Span, Time};

use super::CliError;

/// How long a canary is watched unless told otherwise.
const CANARY_SOAK: Span = Span::minutes(10);

/// What is to be repaired.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is repaired")]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).multiple(false).args(["policy", "check", "node"]))]
pub(super) struct Selection {
    /// The RepairPool; not needed with a policy that has one pool
    #[arg(long, value_name = "POOL")]
    pub(super) pool: Option<String>,
    /// Nodes that this RepairPolicy matches; pool, playbook, parameters and batches come from it
    #[arg(long, value_name = "NAME")]
    pub(super) policy: Option<String>,
    /// Nodes on which one of these checks fails
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(super) check: Vec<String>,
    /// These nodes, whether they have a finding or not
    #[arg(long, value_name = "NODE", num_args = 1..)]
    pub(super) node: Vec<String>,
    /// The playbook; without a version the newest that is installed
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub(super) playbook: Option<String>,
    /// A parameter of the playbook; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
    /// Sizes of the batches, as numbers or shares of the pool; the last is repeated (1,10%,25%)
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = share)]
    pub(super) batch: Vec<IntOrPercent>,
    /// Nodes to repair before all others; one that fails stops the run
    #[arg(long, value_name = "NODES", value_parser = share)]
    pub(super) canary: Option<IntOrPercent>,
    /// How long the canary, and each batch after it, is watched before the next begins
    #[arg(long, value_name = "TIME")]
    pub(super) soak: Option<Span>,
    /// Which nodes come first
    #[arg(long, value_name = "ORDER", value_parser = order)]
    pub(super) order: Option<Order>,
    /// How many nodes, or which share of them, may fail before nothing more starts
    #[arg(long, value_name = "NODES", value_parser = share)]
    pub(super) max_failures: Option<IntOrPercent>,
    /// With --policy: which playbook of its escalation, 0 for its first
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "policy")]
    pub(super) rung: u32,
}

/// Who asks, until when it may begin, and whether it may.
#[derive(Debug, Clone, Default)]
pub(super) struct Asking {
    pub(super) requested_by: String,
    pub(super) start_before: Time,
    pub(super) change_ref: Option<String>,
    pub(super) plan_only: bool,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("want KEY=VALUE, such as targetVersion=219-78.el7_9.9".to_owned()),
    }
}

fn order(text: &str) -> Result<Order, String> {
    let known = "UnavailableFirst, OldestFinding, SpreadZones or LongestUptime";
    serde_json::from_value(text.into()).map_err(|_| format!("want {known}"))
}

pub(super) fn share(text: &str) -> Result<IntOrPercent, String> {
    let share = match text.parse() {
        Ok(count) => IntOrPercent::Int(count),
        Err(_) => IntOrPercent::Percent(text.to_owned()),
    };
    // Any total will do: only the form is looked at.
    share.of(100).map(|_| share).map_err(|error| error.to_string())
}

impl Selection {
    /// The request that these flags make.
    pub(super) fn request(&self, snapshot: &Snapshot, asking: Asking) -> Result<RunRequest, CliError> {
        let policy = self.policy.as_deref().map(|name| policy(snapshot, name)).transpose()?;
        let pool = self.pool(snapshot, policy)?;
        let playbook = self.playbook(snapshot, policy)?;
        let mut parameters = policy.map_or_else(BTreeMap::new, |policy| policy.at_rung(self.rung).1.clone());
        parameters.extend(self.set.iter().cloned());
        let mut rollout = policy.map(|policy| policy.rollout.clone()).unwrap_or_default();
        if !self.batch.is_empty() {
            rollout.batches.clone_from(&self.batch);
        }
        rollout.soak = self.soak.or(rollout.soak);
        if let Some(nodes) = &self.canary {
            rollout.canary = Some(Canary { nodes: nodes.clone(), soak: self.soak.unwrap_or(CANARY_SOAK) });
        }
        rollout.order = self.order.unwrap_or(rollout.order);
        rollout.max_failures = self.max_failures.clone().unwrap_or(rollout.max_failures);
        Ok(RunRequest {
            pool,
            playbook: playbook.name.clone(),
            version: playbook.version.clone(),
            parameters,
            nodes: self.nodes(),
            rollout,
            requested_by: asking.requested_by,
            start_before: asking.start_before,
            change_ref: asking.change_ref,
            plan_only: asking.plan_only,
            operations: Vec::new(),
        })
    }

    fn nodes(&self) -> NodeSelection {
        match &self.policy {
            Some(name) => NodeSelection::Policy { name: name.clone(), rung: self.rung },
            None if self.check.is_empty() => {
                NodeSelection::Named { names: self.node.iter().map(|name| NodeName(name.clone())).collect() }
            }
            None => {
                NodeSelection::Findings { checks: self.check.iter().map(|id| CheckId(id.clone())).collect() }
            }
        }
    }

    fn pool(&self, snapshot: &Snapshot, policy: Option<&Policy>) -> Result<String, CliError> {
        let name = match (&self.pool, policy.map(|policy| policy.pools.as_slice())) {
            (Some(pool), Some(pools)) if !pools.contains(pool) => {
                let pools = pools.join(", ");
                return Err(CliError::Usage(format!("the policy is for {pools}, not for pool {pool}")));
            }
            (Some(pool), _) | (None, Some([pool])) => pool,
            (None, Some(pools)) => {
                let pools = pools.join(", ");
                return Err(CliError::Usage(format!(
                    "the policy has several pools: name one with --pool ({pools})"
                )));
            }
            (None, None) => return self.pool_of_nodes(snapshot),
        };
        if !snapshot.pools.contains_key(name) {
            return Err(missing(snapshot, "RepairPool", name));
        }
        Ok(name.clone())
    }

    /// The one pool of the named nodes; where there are several, or no nodes are named, it has to be said.
    fn pool_of_nodes(&self, snapshot: &Snapshot) -> Result<String, CliError> {
        let nodes = self.node.iter().filter_map(|name| snapshot.nodes.get(&NodeName(name.clone())));
        let of_nodes: BTreeSet<_> = nodes.flat_map(|node| snapshot.pools_of(node)).collect();
        let mut of_nodes = of_nodes.into_iter();
        if let (Some(pool), None) = (of_nodes.next(), of_nodes.next()) {
            return Ok(pool.to_owned());
        }
        let known: Vec<_> = snapshot.pools.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "there is none yet".to_owned() } else { known.join(", ") };
        Err(CliError::Usage(format!("name the pool with --pool ({known})")))
    }

    fn playbook<'a>(
        &self,
        snapshot: &'a Snapshot,
        policy: Option<&Policy>,
    ) -> Result<&'a Playbook, CliError> {
        match (&self.playbook, policy) {
            (Some(wanted), _) => find_playbook(snapshot, wanted),
            (None, Some(policy)) => {
                let (playbook, _) = policy.at_rung(self.rung);
                newest(snapshot, &playbook.name, &playbook.version).map_err(|why| {
                    CliError::Usage(format!("playbook {} of policy {}: {why}", playbook.name, policy.name))
                })
            }
            (None, None) => {
                let names: Vec<_> = snapshot.playbooks.keys().map(String::as_str).collect();
                Err(CliError::Usage(format!(
                    "name the playbook with --playbook (installed: {})",
                    or_none(&names)
                )))
            }
        }
    }
}

/// The playbook that `NAME` (the newest), `NAME@VERSION` or `NAME@REQUIREMENT` means.
pub(super) fn find_playbook<'a>(snapshot: &'a Snapshot, wanted: &str) -> Result<&'a Playbook, CliError> {
    let (name, version) = wanted.split_once('@').unwrap_or((wanted, "*"));
    let exact = snapshot.playbooks.values().find(|p| p.name == name && p.version == version);
    if let Some(playbook) = exact {
        return Ok(playbook);
    }
    if !snapshot.playbooks.values().any(|playbook| playbook.name == name) {
        return Err(missing(snapshot, "Playbook", name));
    }
    newest(snapshot, name, version).map_err(|why| CliError::Usage(format!("playbook {name}: {why}")))
}

fn policy<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Policy, CliError> {
    snapshot.policies.get(name).ok_or_else(|| missing(snapshot, "RepairPolicy", name))
}

/// The error of an object that is not known: it is not there, or it cannot be decoded.
pub(super) fn missing(snapshot: &Snapshot, kind: &str, name: &str) -> CliError {
    let key = format!("{}/{name}", kind.to_lowercase());
    match snapshot.undecodable.get(&key) {
        Some(why) => CliError::Refused { object: key, message: format!("it cannot be decoded: {why}") },
        None => CliError::not_found(kind, name),
    }
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() {
        "none; `nodemend playbook builtin | kubectl apply -f -`".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
