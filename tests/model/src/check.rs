//! What is allowed, counted by other code than the shipped: nodes one by one, from what people wrote and what was seen.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_core::budget::{Budget, IntOrPercent};
use nodemend_core::ids::{NodeName, NodeUid, RunUid};
use nodemend_core::rollout::Rollout;
use nodemend_core::saga::Outcome;
use nodemend_core::sim::{Change, What, World};
use nodemend_core::snapshot::{Hold, HoldLevel, HoldScope, Node, ZONE_LABEL};
use nodemend_core::time::Time;

use crate::fleet::{POOL_LABEL, POOLS};

/// What was found wrong with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub struct Verdict {
    /// A node was granted beyond what pool or guard allow.
    pub over_budget: bool,
    /// A repair was begun after its run's failure limit was reached.
    pub after_limit: bool,
    /// A repair was begun, or disrupted its node, under a Hold.
    pub under_hold: bool,
    /// A run did not end although nothing was in its way any more.
    pub stuck: bool,
}

impl Verdict {
    /// Whether anything is wrong.
    pub const fn is_bad(self) -> bool {
        self.over_budget || self.after_limit || self.under_hold || self.stuck
    }
}

/// Whose repair a Remediation is.
#[derive(Debug, Clone)]
struct Of {
    node: NodeName,
    node_uid: NodeUid,
    run: String,
    run_uid: RunUid,
    pool: String,
    batch: u32,
}

/// Looks on, and counts.
#[derive(Debug)]
pub struct Checker {
    /// What is wrong so far.
    pub verdict: Verdict,
    /// The budgets that people wrote, by pool.
    pub budgets: BTreeMap<String, Budget>,
    /// The budget that people wrote for the cluster.
    pub cluster: Option<Budget>,
    /// The Holds that people made and did not release.
    pub holds: BTreeMap<String, Hold>,
    /// Sentences about what happened, if somebody wants them.
    pub trace: Option<Vec<String>>,
    /// Whether no clock has jumped yet: rates are counted by clocks.
    pub clocks_are_right: bool,
    rollouts: BTreeMap<String, Rollout>,
    of: BTreeMap<String, Of>,
    failures: BTreeMap<RunUid, Failures>,
    /// When nodes were granted, by pool.
    starts: Vec<(Time, String)>,
}

/// What failed of a run.
#[derive(Debug, Default)]
struct Failures {
    nodes: BTreeSet<NodeUid>,
    of_canary: BTreeSet<NodeUid>,
    in_a_row: u32,
    /// The run has said that a limit is reached.
    said: bool,
}

impl Checker {
    /// A checker of runs that spread like this, by name.
    pub fn new(
        budgets: &[Budget; 2],
        cluster: Option<Budget>,
        rollouts: BTreeMap<String, Rollout>,
        trace: bool,
    ) -> Self {
        Self {
            verdict: Verdict::default(),
            budgets: POOLS.into_iter().map(str::to_owned).zip(budgets.iter().cloned()).collect(),
            cluster,
            holds: BTreeMap::new(),
            trace: trace.then(Vec::new),
            clocks_are_right: true,
            rollouts,
            of: BTreeMap::new(),
            failures: BTreeMap::new(),
            starts: Vec::new(),
        }
    }

    /// Takes down what people write.
    pub fn hear(&mut self, change: &Change) {
        match change {
            Change::Hold(hold) => {
                self.holds.insert(hold.name.clone(), (**hold).clone());
            }
            Change::Release(name) => {
                self.holds.remove(name);
            }
            Change::Pool(pool) => {
                self.budgets.insert(pool.name.clone(), pool.budget.clone());
            }
            Change::Guard(guard) => {
                self.cluster = guard.as_ref().and_then(|guard| guard.budget.clone());
                if guard.is_none() {
                    // What it knew of starts is gone with it.
                    self.starts.clear();
                }
            }
            _ => {}
        }
    }

    /// Takes in what became of repairs since the last time, and counts.
    pub fn see(&mut self, world: &mut World) {
        let mut granted: Vec<(NodeUid, bool)> = Vec::new();
        for fact in std::mem::take(&mut world.facts) {
            self.say(world, || format!("{} {:?}", fact.remediation, fact.what));
            if let What::Granted { available } = fact.what {
                // One that gets its grants again, after guard or pool were deleted, is no new start.
                if let Some(of) = self.meet(world, &fact.remediation) {
                    self.starts.push((world.now, of.pool));
                    granted.push((of.node_uid, available));
                }
                continue;
            }
            let Some(of) = self.of.get(&fact.remediation).cloned() else { continue };
            match fact.what {
                What::Begun => self.begun(world, &of),
                What::Disrupted => self.under_hold(world, &of, true),
                What::Held { by_stop: false } | What::Ended(Outcome::Failed) => self.failed(&of),
                What::Ended(outcome) => {
                    // A held node that was replaced before anybody saw it held has not failed.
                    let failures = self.failures.entry(of.run_uid).or_default();
                    failures.nodes.remove(&of.node_uid);
                    failures.of_canary.remove(&of.node_uid);
                    if outcome == Outcome::Repaired {
                        failures.in_a_row = 0;
                    }
                }
                _ => {}
            }
        }
        if !granted.is_empty() {
            self.count(world, &granted);
        }
        self.listen(world);
    }

    fn meet(&mut self, world: &World, remediation: &str) -> Option<Of> {
        let repair = world.repair(remediation)?;
        if self.of.contains_key(remediation) {
            return None;
        }
        let of = Of {
            node: repair.node.clone(),
            node_uid: repair.node_uid.clone(),
            run: repair.run.clone(),
            run_uid: repair.run_uid.clone(),
            pool: repair.pool.clone(),
            batch: repair.planned.batch,
        };
        self.of.insert(remediation.to_owned(), of.clone());
        Some(of)
    }

    /// A run that says that a limit is reached must never start anything again, whatever it says later.
    fn listen(&mut self, world: &World) {
        for run in world.snapshot.runs.values().filter(|run| run.status.limit_reached.is_some()) {
            let known = self.failures.get(&run.uid).is_some_and(|failures| failures.said);
            if !known {
                self.failures.entry(run.uid.clone()).or_default().said = true;
            }
        }
    }

    fn failed(&mut self, of: &Of) {
        let canary = self.rollouts.get(&of.run).is_some_and(|rollout| rollout.canary.is_some());
        let failures = self.failures.entry(of.run_uid.clone()).or_default();
        if failures.nodes.insert(of.node_uid.clone()) {
            failures.in_a_row += 1;
            if canary && of.batch == 0 {
                failures.of_canary.insert(of.node_uid.clone());
            }
        }
    }

    fn begun(&mut self, world: &World, of: &Of) {
        // What prepares under a pause is kept from its first disruptive step.
        self.under_hold(world, of, false);
        let (Some(failures), Some(rollout)) = (self.failures.get(&of.run_uid), self.rollouts.get(&of.run))
        else {
            return;
        };
        let too_many = failures.nodes.len() > share(&rollout.max_failures, 0);
        let in_a_row = rollout.max_consecutive_failures.is_some_and(|may| failures.in_a_row > may);
        if too_many || in_a_row || failures.said || !failures.of_canary.is_empty() {
            self.verdict.after_limit = true;
            let failures = format!("{failures:?}");
            self.say(world, || format!("AFTER LIMIT: {} of {}: {failures}", of.node, of.run));
        }
    }

    fn under_hold(&mut self, world: &World, of: &Of, disrupts: bool) {
        let in_force = |hold: &&Hold| hold.until.is_none_or(|until| until > world.now);
        let stops = |hold: &&Hold| disrupts || hold.level == HoldLevel::Stop;
        let covers = |hold: &&Hold| match &hold.scope {
            HoldScope::Cluster {} => true,
            HoldScope::Pool { name } | HoldScope::Playbook { pool: name, .. } => *name == of.pool,
            HoldScope::Run { name } => *name == of.run,
            HoldScope::Node { name } => *name == of.node.0,
            HoldScope::Policy { .. } => false,
        };
        let hold =
            self.holds.values().filter(in_force).filter(stops).find(covers).map(|hold| hold.name.clone());
        if let Some(hold) = hold {
            self.verdict.under_hold = true;
            self.say(world, || format!("UNDER HOLD {hold}: {} of {}", of.node, of.run));
        }
    }

    /// Counts every budget anew, now that these nodes are granted.
    fn count(&mut self, world: &World, granted: &[(NodeUid, bool)]) {
        let of_pools = self.budgets.iter().map(|(pool, budget)| (Some(pool.as_str()), budget));
        let of_cluster = self.cluster.iter().map(|budget| (None, budget));
        let faults = of_pools.chain(of_cluster).filter_map(|(pool, budget)| {
            Self::too_many(world, pool, budget, granted).or_else(|| self.too_fast(world, pool, budget))
        });
        let faults: Vec<String> = faults.collect();
        for fault in faults {
            self.verdict.over_budget = true;
            self.say(world, || format!("OVER BUDGET: {fault}; granted {granted:?}"));
        }
    }

    /// What is wrong with a budget: of the whole, or of one of its zones.
    fn too_many(
        world: &World,
        pool: Option<&str>,
        budget: &Budget,
        granted: &[(NodeUid, bool)],
    ) -> Option<String> {
        let nodes = world.snapshot.nodes.values();
        let nodes: Vec<&Node> =
            nodes.filter(|node| pool.is_none_or(|pool| node.labels[POOL_LABEL] == pool)).collect();
        let is_in = |uid: &NodeUid| nodes.iter().any(|node| node.uid == *uid);
        let taken = world.repairs().values().filter(|repair| repair.granted);
        let taken =
            taken.filter(|repair| pool.is_none_or(|pool| repair.pool == pool || is_in(&repair.node_uid)));
        let taken: BTreeSet<&NodeUid> = taken.map(|repair| &repair.node_uid).collect();
        let whole = Area { nodes: &nodes, taken: &taken, granted };
        let name = pool.unwrap_or("cluster");
        let wrong = whole.wrong(&budget.max_unavailable, budget.max_in_flight.as_ref());
        wrong.map(|wrong| format!("{name}: {wrong}")).or_else(|| {
            let of_zone = budget.per_zone.as_ref()?;
            let zones: BTreeSet<&str> = nodes.iter().map(|node| node.labels[ZONE_LABEL].as_str()).collect();
            zones.into_iter().find_map(|zone| {
                let nodes: Vec<&Node> =
                    nodes.iter().copied().filter(|node| node.labels[ZONE_LABEL] == zone).collect();
                let uids: BTreeSet<&NodeUid> = nodes.iter().map(|node| &node.uid).collect();
                let taken: BTreeSet<&NodeUid> = taken.intersection(&uids).copied().collect();
                let area = Area { nodes: &nodes, taken: &taken, granted };
                let wrong = area.wrong(&of_zone.max_unavailable, of_zone.max_in_flight.as_ref())?;
                Some(format!("{name}, zone {zone}: {wrong}"))
            })
        })
    }

    /// What is wrong with a rate, as long as clocks can be trusted.
    fn too_fast(&self, world: &World, pool: Option<&str>, budget: &Budget) -> Option<String> {
        let rate = budget.rate.as_ref().filter(|_| self.clocks_are_right)?;
        let recent = self.starts.iter().filter(|(at, _)| *at > world.now.before(rate.per));
        let recent = recent.filter(|(_, of)| pool.is_none_or(|pool| of == pool)).count();
        let just_now = self.starts.last().is_some_and(|(_, of)| pool.is_none_or(|pool| of == pool));
        (just_now && recent > rate.nodes as usize)
            .then(|| format!("{}: {recent} started within {}", pool.unwrap_or("cluster"), rate.per))
    }

    /// Notes a sentence, if somebody wants it.
    pub fn say(&mut self, world: &World, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{} {}", world.now, text()));
        }
    }
}

/// Nodes that one budget is over.
struct Area<'a> {
    nodes: &'a [&'a Node],
    taken: &'a BTreeSet<&'a NodeUid>,
    granted: &'a [(NodeUid, bool)],
}

impl Area<'_> {
    fn wrong(&self, max_unavailable: &IntOrPercent, max_in_flight: Option<&IntOrPercent>) -> Option<String> {
        let new: Vec<_> = self.granted.iter().filter(|(uid, _)| self.taken.contains(uid)).collect();
        let down = self.nodes.iter().filter(|node| {
            node.unschedulable || node.conditions.get("Ready").is_none_or(|ready| ready.status != "True")
        });
        let out: BTreeSet<&NodeUid> = down.map(|node| &node.uid).chain(self.taken.iter().copied()).collect();
        let may_be_out = share(max_unavailable, self.nodes.len());
        let may_fly = share(max_in_flight.unwrap_or(max_unavailable), self.nodes.len());
        let takes_away = new.iter().any(|(_, available)| *available);
        let wrong = self.taken.len() > may_fly || (takes_away && out.len() > may_be_out);
        (!new.is_empty() && wrong).then(|| {
            let (taken, out) = (self.taken.len(), out.len());
            format!("{taken} in flight of {may_fly}, {out} unavailable of {may_be_out}")
        })
    }
}

/// How many of `total` a budget allows: rounded down, at least one unless none is written.
fn share(written: &IntOrPercent, total: usize) -> usize {
    match written {
        IntOrPercent::Int(count) => *count as usize,
        IntOrPercent::Percent(text) if text == "0%" => 0,
        IntOrPercent::Percent(text) => {
            let percent: usize = text.trim_end_matches('%').parse().unwrap_or(0);
            (total * percent / 100).max(1)
        }
    }
}
