//! The nodes of a snapshot by pool, and the repairs that are under way: made once per round, so that a round looks at
//! each node once and not once per question.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, Pool, Remediation, Snapshot};
use crate::budget::{Area, Grant, Sets};
use crate::ids::{NodeUid, RunUid};

/// What is looked up again and again in one round.
#[derive(Debug, Clone)]
pub struct Fleet<'a> {
    /// What it was made of.
    pub snapshot: &'a Snapshot,
    /// Remediations that are not over.
    pub unfinished: Vec<&'a Remediation>,
    members: BTreeMap<&'a str, Vec<&'a Node>>,
    contested: BTreeSet<&'a NodeUid>,
    busy: BTreeMap<&'a NodeUid, &'a Remediation>,
    by_run: BTreeMap<&'a RunUid, BTreeMap<&'a NodeUid, &'a Remediation>>,
}

impl<'a> Fleet<'a> {
    /// Sorts the nodes and Remediations of `snapshot`.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self::without(snapshot, &BTreeSet::new())
    }

    /// The same, as if the Remediations of these names were not under way.
    pub fn without(snapshot: &'a Snapshot, ignored: &BTreeSet<&str>) -> Self {
        let counts = |r: &&Remediation| !r.is_finished() && !ignored.contains(r.name.as_str());
        let unfinished: Vec<_> = snapshot.remediations.values().filter(counts).collect();
        let busy = unfinished.iter().map(|remediation| (&remediation.node_uid, *remediation)).collect();
        let mut by_run: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for remediation in snapshot.remediations.values() {
            by_run.entry(&remediation.run_uid).or_default().insert(&remediation.node_uid, remediation);
        }
        let (members, contested) = members(snapshot);
        Self { snapshot, unfinished, members, contested, busy, by_run }
    }

    /// The nodes of a pool, by name.
    pub fn members(&self, pool: &str) -> &[&'a Node] {
        self.members.get(pool).map_or(&[], Vec::as_slice)
    }

    /// Whether more than one pool selects the node: then none repairs it.
    pub fn is_contested(&self, node: &Node) -> bool {
        self.contested.contains(&node.uid)
    }

    /// The Remediation that is at work on the node or holds it.
    pub fn busy(&self, node: &NodeUid) -> Option<&'a Remediation> {
        self.busy.get(node).copied()
    }

    /// The Remediations of a run, by the node's UID.
    pub fn of_run(&self, run: &RunUid) -> Option<&BTreeMap<&'a NodeUid, &'a Remediation>> {
        self.by_run.get(run)
    }

    /// What is under way in a pool. A repair that another pool began on one of its nodes counts too: a pool that is made
    /// anew under another name takes over what is under way.
    pub fn unfinished_of(&self, pool: &'a Pool) -> impl Iterator<Item = &'a Remediation> {
        let nodes = &self.snapshot.nodes;
        self.unfinished.iter().copied().filter(move |remediation| {
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

type Members<'a> = (BTreeMap<&'a str, Vec<&'a Node>>, BTreeSet<&'a NodeUid>);

fn members(snapshot: &Snapshot) -> Members<'_> {
    let (mut members, mut contested) = (BTreeMap::<_, Vec<_>>::new(), BTreeSet::new());
    for node in snapshot.nodes.values() {
        let mut pools = snapshot.pools.values().filter(|pool| pool.selector.matches(&node.labels));
        if let Some(first) = pools.next() {
            members.entry(first.name.as_str()).or_default().push(node);
        }
        for other in pools {
            contested.insert(&node.uid);
            members.entry(other.name.as_str()).or_default().push(node);
        }
    }
    (members, contested)
}
