//! What a step of a scenario expects, and how it is compared.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_core::blocker::Blocker;
use nodemend_core::ids::NodeName;
use nodemend_core::sim::World;
use nodemend_core::snapshot::{NodeSelection, Run, RunPhase};
use serde::Deserialize;

/// What has to be so; what is not named may be as it likes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// Exactly the nodes that were granted since the step before.
    granted: Option<BTreeSet<NodeName>>,
    /// Runs by name; `policy:NAME` is the newest run of a policy.
    runs: BTreeMap<String, RunExpect>,
    /// Nodes by name.
    nodes: BTreeMap<NodeName, NodeExpect>,
    /// Exactly the Holds that are there.
    holds: Option<BTreeSet<String>>,
    /// Policies by name.
    policies: BTreeMap<String, PolicyExpect>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RunExpect {
    phase: Option<RunPhase>,
    /// The batch it is at, from 1.
    batch: Option<u32>,
    planned: Option<u32>,
    in_flight: Option<u32>,
    repaired: Option<u32>,
    cleared: Option<u32>,
    replaced: Option<u32>,
    skipped: Option<u32>,
    failed: Option<u32>,
    held: Option<u32>,
    /// Exactly the reasons of its blockers, each once.
    blockers: Option<BTreeSet<String>>,
    /// A part of its message.
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NodeExpect {
    unschedulable: Option<bool>,
    ready: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct PolicyExpect {
    matched: Option<u32>,
    blockers: Option<BTreeSet<String>>,
}

/// Remediations that were there at the step before.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeSet<String>);

impl Expect {
    /// Compares; the error says the first thing that is not so.
    pub(crate) fn check(&self, world: &World, seen: &mut Seen) -> Result<(), String> {
        let granted = seen.granted(world);
        same("granted", Some(&granted), self.granted.as_ref())?;
        let holds: BTreeSet<String> = world.snapshot.holds.keys().cloned().collect();
        same("holds", Some(&holds), self.holds.as_ref())?;
        for (name, expect) in &self.runs {
            let run = find(world, name).ok_or_else(|| format!("run {name} is not there"))?;
            expect.check(run).map_err(|error| format!("run {name}: {error}"))?;
        }
        for (name, expect) in &self.nodes {
            let node = world.snapshot.nodes.get(name).ok_or_else(|| format!("node {name} is not there"))?;
            let about = |field: &str| format!("node {name}: {field}");
            same(&about("unschedulable"), Some(&node.unschedulable), expect.unschedulable.as_ref())?;
            let ready = node.conditions.get("Ready").map(|ready| &ready.status);
            same(&about("ready"), ready, expect.ready.as_ref())?;
        }
        for (name, expect) in &self.policies {
            let status = world.snapshot.policy_status.get(name).cloned().unwrap_or_default();
            let about = |field: &str| format!("policy {name}: {field}");
            same(&about("matched"), Some(&status.matched), expect.matched.as_ref())?;
            same(&about("blockers"), Some(&reasons(&status.blockers)), expect.blockers.as_ref())?;
        }
        Ok(())
    }
}

impl RunExpect {
    fn check(&self, run: &Run) -> Result<(), String> {
        let status = &run.status;
        same("phase", Some(&status.phase), self.phase.as_ref())?;
        let counts = &status.counts;
        let numbers = [
            ("batch", status.batch + 1, self.batch),
            ("planned", counts.planned, self.planned),
            ("inFlight", counts.in_flight, self.in_flight),
            ("repaired", counts.repaired, self.repaired),
            ("cleared", counts.cleared, self.cleared),
            ("replaced", counts.replaced, self.replaced),
            ("skipped", counts.skipped, self.skipped),
            ("failed", counts.failed, self.failed),
            ("held", counts.held, self.held),
        ];
        for (field, found, expected) in numbers {
            same(field, Some(&found), expected.as_ref())?;
        }
        same("blockers", Some(&reasons(&status.blockers)), self.blockers.as_ref())?;
        let message = status.message.as_deref().unwrap_or_default();
        match &self.message {
            Some(part) if !message.contains(part) => {
                Err(format!("message is `{message}`, expected `{part}` in it"))
            }
            _ => Ok(()),
        }
    }
}

impl Seen {
    /// The nodes that hold a grant, or did, and were not known before.
    fn granted(&mut self, world: &World) -> BTreeSet<NodeName> {
        let mut granted = BTreeSet::new();
        for (name, remediation) in &world.snapshot.remediations {
            let holds_grant = world.repair(name).is_none_or(|repair| repair.granted);
            if holds_grant && self.0.insert(name.clone()) {
                granted.insert(remediation.node.clone());
            }
        }
        granted
    }
}

fn find<'a>(world: &'a World, name: &str) -> Option<&'a Run> {
    let Some(policy) = name.strip_prefix("policy:") else { return world.snapshot.runs.get(name) };
    let of_policy = world
        .snapshot
        .runs
        .values()
        .filter(|run| matches!(&run.request.nodes, NodeSelection::Policy { name, .. } if name == policy));
    of_policy.max_by_key(|run| run.created)
}

fn reasons(blockers: &[Blocker]) -> BTreeSet<String> {
    blockers.iter().map(|blocker| blocker.reason.clone()).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: Option<&T>,
    expected: Option<&T>,
) -> Result<(), String> {
    match expected {
        Some(expected) if found != Some(expected) => match found {
            Some(found) => Err(format!("{what} is {found:?}, expected {expected:?}")),
            None => Err(format!("{what} is not there, expected {expected:?}")),
        },
        _ => Ok(()),
    }
}
