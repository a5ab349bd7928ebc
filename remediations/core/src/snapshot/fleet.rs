//! The nodes of a snapshot by pool, and the repairs that are under way: made at most once per round and only when asked
//! for, so that a round looks at each node once and not once per question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::index::TextIndex;
use super::{Node, Pool, Remediation, Snapshot};
use crate::budget::{Area, Grant, Sets};
use crate::ids::{NodeUid, RunUid};

/// What is looked up again and again in one round.
#[derive(Debug, Clone)]
pub struct Fleet<'a> {
    /// What it is made of.
    pub snapshot: &'a Snapshot,
    /// Names of Remediations that are taken for not under way.
    ignored: BTreeSet<&'a str>,
    pools: OnceLock<Pools<'a>>,
    unfinished: OnceLock<Vec<&'a Remediation>>,
    busy: OnceLock<ByNode<'a>>,
    by_run: OnceLock<BTreeMap<&'a RunUid, ByNode<'a>>>,
    unseen: OnceLock<Vec<&'a Grant>>,
}

/// Remediations by the UID of their node.
pub type ByNode<'a> = TextIndex<'a, &'a Remediation>;

/// Nodes by pool, and those that several pools select.
#[derive(Debug, Clone, Default)]
struct Pools<'a> {
    members: BTreeMap<&'a str, Vec<&'a Node>>,
    contested: BTreeSet<&'a NodeUid>,
}

impl<'a> Fleet<'a> {
    /// The nodes and Remediations of `snapshot`.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self::without(snapshot, BTreeSet::new())
    }

    /// The same, as if the Remediations of these names were not under way.
    pub fn without(snapshot: &'a Snapshot, ignored: BTreeSet<&'a str>) -> Self {
        Self {
            snapshot,
            ignored,
            pools: OnceLock::new(),
            unfinished: OnceLock::new(),
            busy: OnceLock::new(),
            by_run: OnceLock::new(),
            unseen: OnceLock::new(),
        }
    }

    fn pools(&self) -> &Pools<'a> {
        self.pools.get_or_init(|| Pools::of(self.snapshot))
    }

    /// The nodes of a pool, by name.
    pub fn members(&self, pool: &str) -> &[&'a Node] {
        self.pools().members.get(pool).map_or(&[], Vec::as_slice)
    }

    /// Whether more than one pool selects the node: then none repairs it.
    pub fn is_contested(&self, node: &Node) -> bool {
        self.pools().contested.contains(&node.uid)
    }

    /// Remediations that are not over, by name.
    pub fn unfinished(&self) -> &[&'a Remediation] {
        self.unfinished.get_or_init(|| {
            let under_way = |r: &&Remediation| !r.is_finished() && !self.ignored.contains(r.name.as_str());
            self.snapshot.remediations.values().filter(under_way).collect()
        })
    }

    /// The Remediation that is at work on the node or holds it.
    pub fn busy(&self, node: &NodeUid) -> Option<&'a Remediation> {
        self.busy.get_or_init(|| by_node(self.unfinished())).get(node.as_str())
    }

    /// The Remediations of a run, by the node's UID.
    pub fn of_run(&self, run: &RunUid) -> Option<&ByNode<'a>> {
        let by_run = self.by_run.get_or_init(|| {
            let mut by_run = BTreeMap::<_, Vec<_>>::new();
            for remediation in self.snapshot.remediations.values() {
                by_run.entry(&remediation.run_uid).or_default().push(remediation);
            }
            by_run.into_iter().map(|(run, of_run)| (run, by_node(&of_run))).collect()
        });
        by_run.get(run)
    }

    /// Grants of guard and pools whose Remediation is not known: the watch lags, or somebody took it away.
    pub fn unseen(&self) -> &[&'a Grant] {
        self.unseen.get_or_init(|| {
            let snapshot = self.snapshot;
            let of_guard = snapshot.guard.iter().flat_map(|guard| &guard.grants);
            let grants = of_guard.chain(snapshot.pools.values().flat_map(|pool| &pool.grants));
            grants.filter(|grant| !snapshot.remediations.contains_key(&grant.remediation)).collect()
        })
    }

    /// What is under way in a pool. A repair that another pool began on one of its nodes counts too: a pool that is made
    /// anew under another name takes over what is under way.
    pub fn unfinished_of(&self, pool: &'a Pool) -> impl Iterator<Item = &'a Remediation> {
        let nodes = &self.snapshot.nodes;
        self.unfinished().iter().copied().filter(move |remediation| {
            let node = nodes.get(&remediation.node).filter(|node| node.uid == remediation.node_uid);
            remediation.pool == pool.name || node.is_some_and(|node| pool.selector.matches(&node.labels))
        })
    }

    /// How many nodes of a pool are out of service and in flight.
    pub fn area(&self, pool: &'a Pool) -> Area<'a> {
        let grants = pool.grants.iter().filter(|grant| self.stands(grant));
        let members = self.members(&pool.name).iter().copied();
        Sets::new(members, grants, self.unfinished_of(pool), false).all
    }

    /// Whether a grant still counts: not when its Remediation is known to be over, though it is not given back yet. One
    /// that is not known counts, until a live read shows that it is not there.
    pub fn stands(&self, grant: &Grant) -> bool {
        self.snapshot.remediations.get(&grant.remediation).is_none_or(|known| !known.is_finished())
    }
}

fn by_node<'a>(remediations: &[&'a Remediation]) -> ByNode<'a> {
    remediations.iter().map(|remediation| (remediation.node_uid.as_str(), *remediation)).collect()
}

impl<'a> Pools<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut all = Self::default();
        for node in snapshot.nodes.values() {
            let mut pools = snapshot.pools.values().filter(|pool| pool.selector.matches(&node.labels));
            if let Some(first) = pools.next() {
                all.members.entry(first.name.as_str()).or_default().push(node);
            }
            for other in pools {
                all.contested.insert(&node.uid);
                all.members.entry(other.name.as_str()).or_default().push(node);
            }
        }
        all
    }
}
