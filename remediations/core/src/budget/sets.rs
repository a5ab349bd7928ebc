//! The nodes that count against a budget, as sets of UIDs, so that nobody is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{Grant, IntOrPercent, NotAShare};
use crate::ids::NodeUid;
use crate::snapshot::{Node, Remediation};

/// The nodes that count within one whole: a cluster, a pool, or a zone of either.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Area<'a> {
    /// All nodes that the budget is over.
    pub total: usize,
    /// Not Ready, cordoned by anybody, granted but gone, or in flight.
    pub unavailable: BTreeSet<&'a NodeUid>,
    /// Granted, or with an unfinished Remediation.
    pub in_flight: BTreeSet<&'a NodeUid>,
}

/// One whole and its zones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sets<'a> {
    /// The whole.
    pub all: Area<'a>,
    /// The whole by zone, if a budget asks for it; nodes without a zone are a zone of their own, named by the empty text.
    zones: BTreeMap<&'a str, Area<'a>>,
    /// In flight, gone, and nobody knows from which zone: counts in each.
    adrift: BTreeSet<&'a NodeUid>,
}

/// Why an [`Area`] has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Full {
    InFlight { now: usize, allowed: usize },
    Unavailable { now: usize, allowed: usize, of: usize },
}

impl<'a> Area<'a> {
    fn count(&mut self, node: &'a Node) {
        self.total += 1;
        if !node.is_available() {
            self.unavailable.insert(&node.uid);
        }
    }

    /// A node that is in flight is out of service, also one whose object is gone: until its grant is swept.
    fn take(&mut self, node: &'a NodeUid) {
        self.in_flight.insert(node);
        self.unavailable.insert(node);
    }
}

impl<'a> Sets<'a> {
    /// The sets over `nodes`, with the grants that stand and what is unfinished; by zone too if `zoned`.
    pub fn new(
        nodes: impl IntoIterator<Item = &'a Node>,
        grants: impl IntoIterator<Item = &'a Grant>,
        unfinished: impl IntoIterator<Item = &'a Remediation>,
        zoned: bool,
    ) -> Self {
        let mut sets = Self::default();
        let mut places: BTreeMap<&NodeUid, &str> = BTreeMap::new();
        let (grants, unfinished): (Vec<_>, Vec<_>) =
            (grants.into_iter().collect(), unfinished.into_iter().collect());
        let begun: BTreeSet<&NodeUid> = grants
            .iter()
            .map(|grant| &grant.node_uid)
            .chain(unfinished.iter().map(|remediation| &remediation.node_uid))
            .collect();
        for node in nodes {
            sets.all.count(node);
            if zoned {
                sets.zones.entry(node.zone()).or_default().count(node);
            }
            if zoned && begun.contains(&node.uid) {
                places.insert(&node.uid, node.zone());
            }
        }
        for grant in grants {
            let zone = places.get(&grant.node_uid).copied().or(grant.zone.as_deref());
            places.extend(zone.map(|zone| (&grant.node_uid, zone)));
        }
        for node in begun {
            sets.place(node, places.get(node).copied());
        }
        sets
    }

    /// Takes `node` in, as it will count once it is granted.
    pub fn take(&mut self, node: &'a Node) {
        self.place(&node.uid, Some(node.zone()));
    }

    fn place(&mut self, node: &'a NodeUid, zone: Option<&'a str>) {
        self.all.take(node);
        match zone {
            Some(zone) => self.zones.entry(zone).or_default().take(node),
            None => drop(self.adrift.insert(node)),
        }
    }

    /// Why the whole has no room for `node`; `None` if it has.
    pub(crate) fn full(&self, node: &Node, limits: Limits<'_>) -> Result<Option<Full>, NotAShare> {
        full(&self.all, 0, node, limits)
    }

    /// Why the node's zone has no room for it; `None` if it has.
    pub(crate) fn zone_full(&self, node: &Node, limits: Limits<'_>) -> Result<Option<Full>, NotAShare> {
        let nothing = Area::default();
        full(self.zones.get(node.zone()).unwrap_or(&nothing), self.adrift.len(), node, limits)
    }
}

/// The limits of a budget, for the whole or for a zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) max_unavailable: &'a IntOrPercent,
    pub(crate) max_in_flight: Option<&'a IntOrPercent>,
    /// A node whose confirmed fault is what makes the others unavailable is let through a full budget.
    pub(crate) admitted: bool,
}

fn full(area: &Area<'_>, adrift: usize, node: &Node, limits: Limits<'_>) -> Result<Option<Full>, NotAShare> {
    let allowed = limits.max_in_flight.unwrap_or(limits.max_unavailable).of(area.total)?;
    let in_flight = area.in_flight.len() + adrift;
    if in_flight >= allowed && !area.in_flight.contains(&node.uid) {
        return Ok(Some(Full::InFlight { now: in_flight, allowed }));
    }
    // A node that serves nothing takes nothing away: a broken pool can be healed.
    if limits.admitted || !node.is_available() || area.in_flight.contains(&node.uid) {
        return Ok(None);
    }
    let allowed = limits.max_unavailable.of(area.total)?;
    let unavailable = area.unavailable.len() + adrift;
    if unavailable < allowed {
        return Ok(None);
    }
    Ok(Some(Full::Unavailable { now: unavailable, allowed, of: area.total }))
}
