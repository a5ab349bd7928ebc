//! What can happen in a scenario, as people write it.

use nodemend_core::ids::{CheckId, NodeName};
use nodemend_core::sim::{Change, World};
use nodemend_core::time::Time;
use serde::Deserialize;
use serde_json::Value;

use super::cluster::NodeGroup;
use super::{ScenarioError, spec};

/// One thing that happens; exactly one member.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// The condition Ready of a node changes.
    Ready(Ready),
    /// Somebody cordons a node.
    Cordon(NodeName),
    /// Somebody uncordons a node.
    Uncordon(NodeName),
    /// A node joins, or a group of them.
    Join(NodeGroup),
    /// A node object is deleted.
    Remove(NodeName),
    /// Another machine takes the name of a node.
    Replace(NodeName),
    /// A check fails on a node.
    Find(Find),
    /// A node's findings go by themselves.
    Clear(NodeName),
    /// A Hold is made.
    Hold(Named),
    /// A Hold is released.
    Release(String),
    /// A run is asked for.
    Run(Named),
    /// A run is aborted.
    Abort(String),
    /// A run is deleted.
    DeleteRun(String),
    /// The Remediation of a node is deleted.
    DeleteRemediation(NodeName),
    /// A person puts a held node in order and takes our marks off.
    EndHeld(NodeName),
    /// The guard gets this spec; `none` deletes it.
    Guard(Value),
    /// A pool gets this spec.
    Pool(Named),
    /// A pool is deleted.
    RemovePool(String),
    /// A policy gets this spec.
    Policy(Named),
    /// The gates of rollouts answer with yes from now on (`true`), or with no.
    Gates(bool),
}

/// A node and its Ready.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    node: NodeName,
    status: Status,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Status {
    True,
    False,
    Unknown,
}

/// A node and a check that fails on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    node: NodeName,
    check: CheckId,
}

/// An object by name and spec.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    name: String,
    spec: Value,
}

impl Act {
    /// Has it happen now.
    pub fn apply(&self, world: &mut World) -> Result<(), ScenarioError> {
        for change in self.changes(world.now)? {
            world.apply(change);
        }
        Ok(())
    }

    /// The changes that it is, at `now`.
    pub fn changes(&self, now: Time) -> Result<Vec<Change>, ScenarioError> {
        if let Self::Join(group) = self {
            return Ok(group.nodes(now).into_iter().flat_map(joined).collect());
        }
        self.change(now).map(|change| vec![change])
    }

    fn change(&self, now: Time) -> Result<Change, ScenarioError> {
        Ok(match self.clone() {
            Self::Ready(Ready { node, status }) => Change::Ready(node, status.text()),
            Self::Cordon(node) => Change::Cordon(node),
            Self::Uncordon(node) => Change::Uncordon(node),
            Self::Join(group) => Change::NodeGone(group.name.into()),
            Self::Remove(node) => Change::NodeGone(node),
            Self::Replace(node) => Change::NodeReplaced(node),
            Self::Find(Find { node, check }) => Change::Found(node, check),
            Self::Clear(node) => Change::Cleared(node),
            Self::Hold(Named { name, spec }) => Change::Hold(Box::new(spec::hold(&name, &spec, now)?)),
            Self::Release(name) => Change::Release(name),
            Self::Run(Named { name, spec }) => {
                Change::RunAsked(name.clone(), Box::new(spec::run(&name, &spec, now)?.request))
            }
            Self::Abort(run) => Change::RunAborted(run),
            Self::DeleteRun(run) => Change::RunDeleted(run),
            Self::DeleteRemediation(node) => Change::RemediationDeleted(node),
            Self::EndHeld(node) => Change::HeldEnded(node),
            Self::Guard(spec) if spec == "none" => Change::Guard(None),
            Self::Guard(spec) => Change::Guard(Some(Box::new(spec::guard(&spec, now)?))),
            Self::Pool(Named { name, spec }) => Change::Pool(Box::new(spec::pool(&name, &spec, now)?)),
            Self::RemovePool(name) => Change::PoolGone(name),
            Self::Policy(Named { name, spec }) => Change::Policy(Box::new(spec::policy(&name, &spec, now)?)),
            Self::Gates(open) => Change::Gates(open),
        })
    }
}

/// A node that joins, and then what is wrong with it.
fn joined((node, report): (nodemend_core::snapshot::Node, nodemend_core::snapshot::Report)) -> Vec<Change> {
    let name = node.name.clone();
    let findings = report.results.into_iter().map(|(check, _)| Change::Found(name.clone(), check));
    std::iter::once(Change::NodeJoins(Box::new(node))).chain(findings).collect()
}

impl Status {
    const fn text(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}
