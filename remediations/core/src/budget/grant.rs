//! Which nodes may be granted, by the set rule: caches propose with it, live reads decide with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Budget, Grant, NotAShare};
use crate::blocker::Blocker;
use crate::ids::NodeUid;
use crate::snapshot::{Node, Pool, Remediation};

/// The nodes that count, as sets, so that nobody is counted twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sets {
    /// Not Ready, cordoned by anybody, granted but gone, or in flight.
    pub unavailable: BTreeSet<NodeUid>,
    /// Granted, or with an unfinished Remediation.
    pub in_flight: BTreeSet<NodeUid>,
    /// All nodes that the budget is over.
    pub total: usize,
}

impl Sets {
    /// The sets over `nodes`, with what is recorded as granted and what is unfinished.
    pub fn new<'a>(
        nodes: impl IntoIterator<Item = &'a Node>,
        grants: &[Grant],
        unfinished: impl IntoIterator<Item = &'a Remediation>,
    ) -> Self {
        let mut sets = Self::default();
        sets.in_flight.extend(grants.iter().map(|grant| grant.node_uid.clone()));
        sets.in_flight.extend(unfinished.into_iter().map(|r| r.node_uid.clone()));
        for node in nodes {
            sets.total += 1;
            if !node.is_available() {
                sets.unavailable.insert(node.uid.clone());
            }
        }
        // A granted node whose object is gone is in flight, hence unavailable: it counts until its grant is swept.
        sets.unavailable.extend(sets.in_flight.iter().cloned());
        sets
    }

    /// The sets of one pool, out of all nodes and all Remediations. A repair that another pool began on one of its
    /// nodes counts too: a pool that is made anew under another name takes over what is under way.
    pub fn of_pool<'a>(
        pool: &Pool,
        nodes: impl IntoIterator<Item = &'a Node>,
        remediations: impl IntoIterator<Item = &'a Remediation>,
    ) -> Self {
        let nodes = nodes.into_iter().filter(|node| pool.selector.matches(&node.labels));
        let nodes: BTreeMap<&NodeUid, &Node> = nodes.map(|node| (&node.uid, node)).collect();
        let of_pool = |r: &&Remediation| r.pool == pool.name || nodes.contains_key(&r.node_uid);
        let unfinished = remediations.into_iter().filter(|r| !r.is_finished()).filter(of_pool);
        Self::new(nodes.values().copied(), &pool.grants, unfinished)
    }

    /// Takes `node` in, as it will count once it is granted.
    pub fn take(&mut self, node: &NodeUid) {
        self.in_flight.insert(node.clone());
        self.unavailable.insert(node.clone());
    }

    /// Why `node` may not be granted under `budget`; `None` if it may.
    pub fn refusal(&self, node: &Node, budget: &Budget, object: &str) -> Result<Option<Blocker>, NotAShare> {
        let max_unavailable = budget.max_unavailable.of(self.total)?;
        let max_in_flight = budget.max_in_flight.as_ref().unwrap_or(&budget.max_unavailable).of(self.total)?;
        if self.in_flight.len() >= max_in_flight && !self.in_flight.contains(&node.uid) {
            let next =
                format!("{} in flight, {max_in_flight} may be; waits for one to end", self.in_flight.len());
            return Ok(Some(Blocker::new("Budget", object, next)));
        }
        // A node that serves nothing takes nothing away: a broken pool can be healed.
        if self.unavailable.contains(&node.uid) || self.unavailable.len() < max_unavailable {
            return Ok(None);
        }
        let next = format!(
            "{} of {} nodes unavailable, {max_unavailable} may be; waits for one to come back",
            self.unavailable.len(),
            self.total
        );
        Ok(Some(Blocker::new("Budget", object, next)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::budget::IntOrPercent;
    use crate::snapshot::Condition;

    fn node(uid: &str, ready: bool) -> Node {
        let status = if ready { "True" } else { "False" };
        let ready = Condition { status: status.to_owned(), since: None };
        Node { uid: uid.into(), conditions: BTreeMap::from([("Ready".to_owned(), ready)]), ..Node::default() }
    }

    fn budget(unavailable: u32, in_flight: u32) -> Budget {
        let int = IntOrPercent::Int;
        Budget {
            max_unavailable: int(unavailable),
            max_in_flight: Some(int(in_flight)),
            per_zone: None,
            rate: None,
        }
    }

    fn allowed(sets: &Sets, node: &Node, budget: &Budget) -> bool {
        sets.refusal(node, budget, "pool/p").unwrap().is_none()
    }

    #[test]
    fn a_healthy_pool_is_never_drained_beyond_its_budget() {
        let nodes: Vec<_> = ["a", "b", "c"].map(|uid| node(uid, true)).into();
        let mut sets = Sets::new(&nodes, &[], []);
        assert!(allowed(&sets, &nodes[0], &budget(1, 9)));
        sets.take(&nodes[0].uid);
        assert!(!allowed(&sets, &nodes[1], &budget(1, 9)));
    }

    #[test]
    fn a_broken_pool_can_be_healed_max_in_flight_at_a_time() {
        let nodes: Vec<_> =
            [("a", false), ("b", false), ("c", true)].map(|(uid, ready)| node(uid, ready)).into();
        let mut sets = Sets::new(&nodes, &[], []);
        let budget = budget(1, 1);
        assert!(allowed(&sets, &nodes[0], &budget), "broken already: takes nothing away");
        assert!(!allowed(&sets, &nodes[2], &budget), "two are unavailable, one may be");
        sets.take(&nodes[0].uid);
        assert!(!allowed(&sets, &nodes[1], &budget), "one in flight, one may be");
    }

    #[test]
    fn a_granted_node_that_is_gone_still_counts() {
        let grant = Grant {
            remediation: "r".into(),
            node_uid: "gone".into(),
            node: "gone".into(),
            pool: "p".into(),
            run_uid: "run".into(),
            at: crate::time::Time(0),
        };
        let nodes = vec![node("a", true)];
        let sets = Sets::new(&nodes, &[grant], []);
        assert!(!allowed(&sets, &nodes[0], &budget(1, 9)));
    }

    #[test]
    fn zero_means_none() {
        let nodes = vec![node("a", false)];
        assert!(!allowed(&Sets::new(&nodes, &[], []), &nodes[0], &budget(0, 0)));
    }
}
