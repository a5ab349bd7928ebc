//! The objects of a scenario: pools, nodes with their findings, policies, runs, Holds and the guard.

use std::collections::BTreeMap;

use nodemend_core::finding::{CheckResult, CheckState, Severity};
use nodemend_core::ids::{CheckId, Digest, NodeName, NodeUid};
use nodemend_core::playbook::{builtin, lint::lint};
use nodemend_core::sim::Fate;
use nodemend_core::snapshot::{Condition, Node, PROBER, Report, Snapshot, ZONE_LABEL};
use nodemend_core::time::{Span, Time};
use serde::Deserialize;
use serde_json::Value;

use super::{ScenarioError, spec};

/// The objects. Specs are those of the real kinds, by the object's name; the built-in playbooks are all there.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Spec of the RepairGuard; left out it is there without limits, `guard: none` means that there is none.
    #[serde(default = "no_limits")]
    pub guard: Value,
    /// Specs of RepairPools.
    #[serde(default)]
    pub pools: BTreeMap<String, Value>,
    /// Nodes, or groups of them.
    #[serde(default)]
    pub nodes: Vec<NodeGroup>,
    /// Specs of `RepairPolicies`.
    #[serde(default)]
    pub policies: BTreeMap<String, Value>,
    /// Specs of RepairRuns that were just made.
    #[serde(default)]
    pub runs: BTreeMap<String, Value>,
    /// Specs of Holds.
    #[serde(default)]
    pub holds: BTreeMap<String, Value>,
    /// How the repair of a node goes, if not well.
    #[serde(default)]
    pub fates: BTreeMap<NodeName, Fated>,
}

/// How the repair of a node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fated {
    /// Well.
    Repaired,
    /// It fails before the node is cordoned.
    FailsInPrepare,
    /// It fails while the node is emptied: our cordon is lifted.
    FailsInDrain,
    /// The fault is still there on the changed host: the node is held for a person.
    Held,
}

/// A node, or `count` of them with the same properties, called `NAME-1`, `NAME-2`, …
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeGroup {
    /// Its name.
    pub name: String,
    /// How many there are; absent means one, called by the bare name.
    pub count: Option<u32>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Zones, in turn.
    #[serde(default)]
    pub zones: Vec<String>,
    /// The condition Ready: `True`, `False` or `Unknown`. Default `True`.
    #[serde(default = "is_true")]
    pub ready: String,
    /// For how long Ready has been so. Default 1h.
    #[serde(default = "an_hour")]
    pub since: Span,
    /// Whether somebody cordoned it.
    #[serde(default)]
    pub unschedulable: bool,
    /// Checks that fail on it, as the prober saw it, for as long as `since`.
    #[serde(default)]
    pub findings: Vec<CheckId>,
}

fn no_limits() -> Value {
    Value::Object(serde_json::Map::new())
}

fn is_true() -> String {
    "True".to_owned()
}

const fn an_hour() -> Span {
    Span::minutes(60)
}

impl Cluster {
    /// The snapshot that the watches would have of these objects.
    pub fn snapshot(&self, now: Time) -> Result<Snapshot, ScenarioError> {
        let mut snapshot = Snapshot::default();
        if self.guard != "none" {
            snapshot.guard = Some(spec::guard(&self.guard, now)?);
        }
        for builtin in builtin::ALL {
            let playbook = lint(builtin.text)
                .map_err(|_| ScenarioError::Form(format!("built-in playbook {} has faults", builtin.path)))?;
            snapshot.playbooks.insert(playbook.object_name(), playbook);
        }
        for group in &self.nodes {
            for (node, report) in group.nodes(now) {
                snapshot.reports.insert(node.uid.clone(), BTreeMap::from([(PROBER.to_owned(), report)]));
                snapshot.nodes.insert(node.name.clone(), node);
            }
        }
        for (name, spec) in &self.pools {
            snapshot.pools.insert(name.clone(), spec::pool(name, spec, now)?);
        }
        for (name, spec) in &self.policies {
            snapshot.policies.insert(name.clone(), spec::policy(name, spec, now)?);
        }
        for (name, spec) in &self.runs {
            snapshot.runs.insert(name.clone(), spec::run(name, spec, now)?);
        }
        for (name, spec) in &self.holds {
            snapshot.holds.insert(name.clone(), spec::hold(name, spec, now)?);
        }
        Ok(snapshot)
    }

    /// How repairs go, by node.
    pub fn fates(&self) -> BTreeMap<NodeName, Fate> {
        self.fates.iter().map(|(node, fate)| (node.clone(), (*fate).into())).collect()
    }
}

impl From<Fated> for Fate {
    fn from(fated: Fated) -> Self {
        match fated {
            Fated::Repaired => Self::Repaired,
            Fated::FailsInPrepare => Self::FailsInPrepare,
            Fated::FailsInDrain => Self::FailsInDrain,
            Fated::Held => Self::Held,
        }
    }
}

impl NodeGroup {
    /// The nodes, each with what the prober said of it last.
    pub(super) fn nodes(&self, now: Time) -> Vec<(Node, Report)> {
        let names = match self.count {
            None => vec![self.name.clone()],
            Some(count) => (1..=count).map(|number| format!("{}-{number}", self.name)).collect(),
        };
        names.into_iter().enumerate().map(|(index, name)| self.node(index, name, now)).collect()
    }

    fn node(&self, index: usize, name: String, now: Time) -> (Node, Report) {
        let since = Some(now.before(self.since));
        let condition = Condition { status: self.ready.clone(), since };
        let mut labels = self.labels.clone();
        if !self.zones.is_empty() {
            labels.insert(ZONE_LABEL.to_owned(), self.zones[index % self.zones.len()].clone());
        }
        let node = Node {
            uid: NodeUid(format!("{name}-uid")),
            name: NodeName(name),
            labels,
            unschedulable: self.unschedulable,
            conditions: BTreeMap::from([("Ready".to_owned(), condition)]),
            boot_id: "boot-0".into(),
            architecture: "amd64".to_owned(),
            ..Node::default()
        };
        (node, self.report(since, now))
    }

    fn report(&self, since: Option<Time>, now: Time) -> Report {
        let results = self.findings.iter().map(|check| {
            let result = CheckResult {
                check: check.clone(),
                state: CheckState::Fail,
                severity: Severity::Error,
                message: format!("{check} fails"),
                observed: BTreeMap::new(),
                fingerprint: Digest::of(check.as_str().as_bytes()),
                failing_since: since,
                observed_at: now,
            };
            (check.clone(), result)
        });
        Report { results: results.collect(), expires_at: now.after(Span::minutes(60)), ..Report::default() }
    }
}
