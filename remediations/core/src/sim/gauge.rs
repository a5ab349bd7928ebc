//! How many nodes are out of service, and the most there ever were: counted as nodes change, never by going through all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::world::World;
use crate::ids::NodeName;
use crate::snapshot::{Guard, Node, Pool, Snapshot};
use crate::time::Time;

/// The nodes that one budget is over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gauge {
    /// How many there are.
    pub nodes: usize,
    /// How many are unavailable or under repair.
    pub unavailable: usize,
    /// The most that ever were.
    pub peak: usize,
    /// When that was first so.
    pub peak_at: Time,
    /// How many were so at the beginning.
    pub at_first: usize,
    /// How many may be, by the budget as it is now; absent without one.
    pub allowed: Option<usize>,
}

/// The gauges of all budgets, by the object that has the budget.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gauges {
    of: BTreeMap<String, Gauge>,
    nodes: BTreeMap<NodeName, Counted>,
    pools: Vec<Pool>,
}

/// How a node counts now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Counted {
    objects: Vec<String>,
    out: bool,
    repairs: u32,
}

/// The object whose budget is over the whole cluster.
const CLUSTER: &str = "repairguard/cluster";

impl Gauges {
    /// Gauges over everything that is there now.
    pub fn new(snapshot: &Snapshot, now: Time) -> Self {
        let mut gauges = Self { pools: snapshot.pools.values().cloned().collect(), ..Self::default() };
        for (name, node) in &snapshot.nodes {
            gauges.measure(name, Some(node), now);
        }
        for remediation in snapshot.remediations.values().filter(|r| !r.is_finished()) {
            gauges.repairs(&remediation.node, 1);
            gauges.measure(&remediation.node, snapshot.nodes.get(&remediation.node), now);
        }
        gauges.of.values_mut().for_each(|gauge| gauge.at_first = gauge.unavailable);
        gauges
    }

    /// The same over other pools; what was the most stays so.
    pub(super) fn anew(self, snapshot: &Snapshot, now: Time) -> Self {
        let mut gauges = Self::new(snapshot, now);
        for (object, old) in self.of {
            let gauge = gauges.of.entry(object).or_default();
            gauge.at_first = old.at_first;
            if old.peak >= gauge.peak {
                (gauge.peak, gauge.peak_at) = (old.peak, old.peak_at);
            }
        }
        gauges
    }

    /// Every gauge, with what its budget allows now.
    pub fn read(&self, snapshot: &Snapshot) -> BTreeMap<String, Gauge> {
        let budget = |object: &str| match object.strip_prefix("repairpool/") {
            Some(pool) => snapshot.pools.get(pool).map(|pool| &pool.budget),
            None => snapshot.guard.as_ref().and_then(|guard: &Guard| guard.budget.as_ref()),
        };
        let allowed = |object: &str, gauge: &Gauge| budget(object)?.max_unavailable.of(gauge.nodes).ok();
        let read = |(object, gauge): (&String, &Gauge)| {
            (object.clone(), Gauge { allowed: allowed(object, gauge), ..gauge.clone() })
        };
        self.of.iter().map(read).collect()
    }

    /// Counts `node` as it is now.
    pub(super) fn measure(&mut self, name: &NodeName, node: Option<&Node>, now: Time) {
        let known = self.nodes.remove(name).unwrap_or_default();
        for object in &known.objects {
            self.add(object, known.out, -1, now);
        }
        let Some(node) = node else {
            if known.repairs > 0 {
                self.nodes.insert(name.clone(), Counted { objects: Vec::new(), ..known });
            }
            return;
        };
        let objects = if known.objects.is_empty() { self.objects(node) } else { known.objects };
        let out = known.repairs > 0 || !node.is_available();
        for object in &objects {
            self.add(object, out, 1, now);
        }
        self.nodes.insert(name.clone(), Counted { objects, out, repairs: known.repairs });
    }

    fn objects(&self, node: &Node) -> Vec<String> {
        let selecting = self.pools.iter().filter(|pool| pool.selector.matches(&node.labels));
        let pools = selecting.map(|pool| format!("repairpool/{}", pool.name));
        pools.chain([CLUSTER.to_owned()]).collect()
    }

    fn add(&mut self, object: &str, out: bool, by: isize, now: Time) {
        let gauge = self.of.entry(object.to_owned()).or_default();
        gauge.nodes = gauge.nodes.saturating_add_signed(by);
        if out {
            gauge.unavailable = gauge.unavailable.saturating_add_signed(by);
        }
        if gauge.unavailable > gauge.peak {
            (gauge.peak, gauge.peak_at) = (gauge.unavailable, now);
        }
    }

    fn repairs(&mut self, name: &NodeName, by: i32) {
        let counted = self.nodes.entry(name.clone()).or_default();
        counted.repairs = counted.repairs.saturating_add_signed(by);
    }
}

impl World {
    /// A repair of the node is under way from now on.
    pub(super) fn join(&mut self, node: &NodeName) {
        self.repairs_of(node, 1);
    }

    /// A repair of the node is over.
    pub(super) fn leave(&mut self, node: &NodeName) {
        self.repairs_of(node, -1);
    }

    fn repairs_of(&mut self, node: &NodeName, by: i32) {
        if let Some(gauges) = &mut self.gauges {
            gauges.repairs(node, by);
            gauges.measure(node, self.snapshot.nodes.get(node), self.now);
        }
    }
}
