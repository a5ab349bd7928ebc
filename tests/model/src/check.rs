//! What is allowed, counted by other code than the shipped: nodes one by one, from what people wrote and what was seen.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_core::budget::{Budget, IntOrPercent};
use nodemend_core::ids::{NodeName, NodeUid, RunUid};
use nodemend_core::saga::Outcome;
use nodemend_core::sim::{Change, What, World};
use nodemend_core::snapshot::{Hold, HoldScope};

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
    max_failures: usize,
    of: BTreeMap<String, Of>,
    failed: BTreeMap<RunUid, BTreeSet<NodeUid>>,
}

impl Checker {
    /// A checker of runs of which so many nodes may fail.
    pub fn new(budgets: &[Budget; 2], cluster: Option<Budget>, max_failures: u32, trace: bool) -> Self {
        Self {
            verdict: Verdict::default(),
            budgets: POOLS.into_iter().map(str::to_owned).zip(budgets.iter().cloned()).collect(),
            cluster,
            holds: BTreeMap::new(),
            trace: trace.then(Vec::new),
            max_failures: max_failures as usize,
            of: BTreeMap::new(),
            failed: BTreeMap::new(),
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
            Change::Guard(guard) => self.cluster = guard.as_ref().and_then(|guard| guard.budget.clone()),
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
                    granted.push((of.node_uid, available));
                }
                continue;
            }
            let Some(of) = self.of.get(&fact.remediation).cloned() else { continue };
            match fact.what {
                What::Begun => self.begun(world, &of),
                What::Disrupted => self.under_hold(world, &of),
                What::Held { by_stop: false } | What::Ended(Outcome::Failed) => {
                    self.failed.entry(of.run_uid).or_default().insert(of.node_uid);
                }
                _ => {}
            }
        }
        if !granted.is_empty() {
            self.count(world, &granted);
        }
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
        };
        self.of.insert(remediation.to_owned(), of.clone());
        Some(of)
    }

    fn begun(&mut self, world: &World, of: &Of) {
        self.under_hold(world, of);
        let failed = self.failed.get(&of.run_uid).map_or(0, BTreeSet::len);
        if failed > self.max_failures {
            self.verdict.after_limit = true;
            self.say(world, || format!("AFTER LIMIT: {} of {} ({failed} failed)", of.node, of.run));
        }
    }

    fn under_hold(&mut self, world: &World, of: &Of) {
        let in_force = |hold: &&Hold| hold.until.is_none_or(|until| until > world.now);
        let covers = |hold: &&Hold| match &hold.scope {
            HoldScope::Cluster {} => true,
            HoldScope::Pool { name } | HoldScope::Playbook { pool: name, .. } => *name == of.pool,
            HoldScope::Run { name } => *name == of.run,
            HoldScope::Node { name } => *name == of.node.0,
            HoldScope::Policy { .. } => false,
        };
        let hold = self.holds.values().filter(in_force).find(covers).map(|hold| hold.name.clone());
        if let Some(hold) = hold {
            self.verdict.under_hold = true;
            self.say(world, || format!("UNDER HOLD {hold}: {} of {}", of.node, of.run));
        }
    }

    /// Counts every budget anew, now that these nodes are granted.
    fn count(&mut self, world: &World, granted: &[(NodeUid, bool)]) {
        let pools: Vec<(String, Budget)> = self.budgets.clone().into_iter().collect();
        for (pool, budget) in pools {
            self.one_budget(world, Some(&pool), &budget, granted);
        }
        if let Some(budget) = self.cluster.clone() {
            self.one_budget(world, None, &budget, granted);
        }
    }

    fn one_budget(
        &mut self,
        world: &World,
        pool: Option<&str>,
        budget: &Budget,
        granted: &[(NodeUid, bool)],
    ) {
        let nodes = world.snapshot.nodes.values();
        let nodes: Vec<_> =
            nodes.filter(|node| pool.is_none_or(|pool| node.labels[POOL_LABEL] == pool)).collect();
        let in_pool = |uid: &NodeUid| nodes.iter().any(|node| node.uid == *uid);
        let taken = world.repairs().values().filter(|repair| repair.granted);
        let taken = taken.filter(|repair| pool.is_none_or(|pool| repair.pool == pool || in_pool(&repair.node_uid)));
        let taken: BTreeSet<&NodeUid> = taken.map(|repair| &repair.node_uid).collect();
        let new: Vec<_> = granted.iter().filter(|(uid, _)| taken.contains(uid)).collect();
        let down = nodes.iter().filter(|node| {
            node.unschedulable || node.conditions.get("Ready").is_none_or(|ready| ready.status != "True")
        });
        let out: BTreeSet<&NodeUid> = down.map(|node| &node.uid).chain(taken.iter().copied()).collect();
        let may_be_out = share(&budget.max_unavailable, nodes.len());
        let may_fly = share(budget.max_in_flight.as_ref().unwrap_or(&budget.max_unavailable), nodes.len());
        let takes_away = new.iter().any(|(_, available)| *available);
        if !new.is_empty() && (taken.len() > may_fly || (takes_away && out.len() > may_be_out)) {
            self.verdict.over_budget = true;
            self.say(world, || {
                format!(
                    "OVER BUDGET of {}: {} in flight of {may_fly}, {} unavailable of {may_be_out}; {new:?}",
                    pool.unwrap_or("cluster"),
                    taken.len(),
                    out.len(),
                )
            });
        }
    }

    /// Notes a sentence, if somebody wants it.
    pub fn say(&mut self, world: &World, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{} {}", world.now, text()));
        }
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
