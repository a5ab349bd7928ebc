//! What happens to a cluster from outside: nodes fail and are replaced, people cordon, hold, abort and delete.

use super::life::Stage;
use super::world::{What, World};
use crate::budget::Starts;
use crate::decide::is_remembered;
use crate::finding::{CheckResult, CheckState, Severity};
use crate::ids::{CheckId, Digest, NodeName};
use crate::saga::Outcome;
use crate::snapshot::{
    Guard, Hold, Node, Operation, PROBER, Policy, Pool, Remediation, Report, RunRequest, Verb,
};
use crate::time::Time;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The condition Ready of a node becomes `True`, `False` or `Unknown`.
    Ready(NodeName, &'static str),
    /// Somebody cordons a node.
    Cordon(NodeName),
    /// Somebody uncordons a node, whoever cordoned it.
    Uncordon(NodeName),
    /// A node joins; one of the same name is replaced.
    NodeJoins(Box<Node>),
    /// A node object is gone.
    NodeGone(NodeName),
    /// Another machine takes the name of a node: new UID, new boot, Ready and uncordoned, without findings.
    NodeReplaced(NodeName),
    /// A check fails on a node.
    Found(NodeName, CheckId),
    /// A node's findings have gone by themselves.
    Cleared(NodeName),
    /// A Hold is made.
    Hold(Box<Hold>),
    /// A Hold is released.
    Release(String),
    /// A person asks for a run.
    RunAsked(String, Box<RunRequest>),
    /// A person aborts a run.
    RunAborted(String),
    /// A person deletes a run.
    RunDeleted(String),
    /// A person deletes the Remediation of a node, which ends its repair in an orderly way.
    RemediationDeleted(NodeName),
    /// The Remediation of a node is taken away by force, finalizer and all: nobody goes on with it.
    RemediationForcedOut(NodeName),
    /// A person puts a held node in order, uncordons it and takes our marks off.
    HeldEnded(NodeName),
    /// The RepairGuard is written, or deleted. Its grants stay those that are recorded.
    Guard(Option<Box<Guard>>),
    /// A RepairPool is written. Its grants stay those that are recorded.
    Pool(Box<Pool>),
    /// A RepairPool is deleted, with its grants.
    PoolGone(String),
    /// A RepairPolicy is written.
    Policy(Box<Policy>),
    /// The gates of rollouts answer with yes from now on, or with no.
    Gates(bool),
}

impl World {
    /// Has it happen now.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Ready(node, status) => self.set_ready(&node, status),
            Change::Cordon(node) => self.change_node(&node, |node| node.unschedulable = true),
            Change::Uncordon(node) => self.change_node(&node, |node| node.unschedulable = false),
            Change::NodeJoins(node) => self.join_node(*node),
            Change::NodeGone(node) => self.lose_node(&node),
            Change::NodeReplaced(node) => self.replace_node(&node),
            Change::Found(node, check) => self.find(&node, check),
            Change::Cleared(node) => {
                if let Some(uid) = self.snapshot.nodes.get(&node).map(|node| node.uid.clone()) {
                    self.clear_findings(&uid);
                }
            }
            Change::Hold(hold) => {
                self.snapshot.holds.insert(hold.name.clone(), *hold);
            }
            Change::Release(name) => {
                self.snapshot.holds.remove(&name);
            }
            Change::RunAsked(name, request) => self.create_run(&name, *request),
            Change::RunAborted(name) => self.abort_run(&name),
            Change::RunDeleted(name) => {
                if let Some(run) = self.snapshot.runs.get_mut(&name) {
                    run.deleting = true;
                }
            }
            Change::RemediationDeleted(node) => self.delete_repair(&node),
            Change::RemediationForcedOut(node) => self.force_out(&node),
            Change::HeldEnded(node) => self.end_held(&node),
            Change::Guard(guard) => self.write_guard(guard.map(|guard| *guard)),
            Change::Pool(pool) => self.write_pool(*pool),
            Change::PoolGone(name) => {
                self.snapshot.pools.remove(&name);
                self.ungrant(|repair| repair.pool == name);
                self.remeasure();
            }
            Change::Policy(policy) => {
                self.snapshot.policies.insert(policy.name.clone(), *policy);
            }
            Change::Gates(open) => {
                self.gates_closed = !open;
                self.snapshot.answers.clear();
            }
        }
        self.stirred = true;
        self.wake();
    }

    fn join_node(&mut self, node: Node) {
        let name = node.name.clone();
        self.lose_node(&name);
        self.snapshot.nodes.insert(name.clone(), node);
        self.measure(&name);
    }

    fn lose_node(&mut self, name: &NodeName) {
        if let Some(node) = self.snapshot.nodes.remove(name) {
            self.snapshot.reports.remove(&node.uid);
            self.measure(name);
        }
    }

    fn replace_node(&mut self, name: &NodeName) {
        let Some(old) = self.snapshot.nodes.get(name).cloned() else { return };
        let (uid, boot) = (self.fresh("node").into(), self.fresh("boot").into());
        self.join_node(Node { uid, boot_id: boot, unschedulable: false, ..old });
        self.set_ready(name, "True");
    }

    fn find(&mut self, name: &NodeName, check: CheckId) {
        let Some(uid) = self.snapshot.nodes.get(name).map(|node| node.uid.clone()) else { return };
        let result = CheckResult {
            check: check.clone(),
            state: CheckState::Fail,
            severity: Severity::Error,
            message: format!("{check} fails"),
            observed: std::collections::BTreeMap::new(),
            fingerprint: Digest::of(check.as_str().as_bytes()),
            failing_since: Some(self.now),
            observed_at: self.now,
        };
        let reports = self.snapshot.reports.entry(uid).or_default();
        let report = reports
            .entry(PROBER.to_owned())
            .or_insert_with(|| Report { expires_at: Time(i64::MAX), ..Report::default() });
        report.results.insert(check, result);
    }

    /// Whether some check fails on the node.
    pub(super) fn is_failing(&self, node: &crate::ids::NodeUid) -> bool {
        let reports = self.snapshot.reports.get(node).into_iter().flat_map(|reports| reports.values());
        reports.flat_map(|report| report.results.values()).any(|result| result.state == CheckState::Fail)
    }

    fn abort_run(&mut self, name: &str) {
        if let Some(run) = self.snapshot.runs.get_mut(name) {
            run.request.operations.push(Operation {
                id: "abort".into(),
                verb: Verb::Abort,
                target: None,
                step: None,
                outcome: None,
                reason: "simulated".into(),
                by: "ops".into(),
            });
        }
    }

    /// The names of the Remediations under way on a node.
    fn repairs_on(&self, node: &NodeName) -> Vec<String> {
        let on_node = self.repairs.iter().filter(|(_, repair)| repair.node == *node);
        on_node.map(|(name, _)| name.clone()).collect()
    }

    fn delete_repair(&mut self, node: &NodeName) {
        for name in self.repairs_on(node) {
            if let Some(repair) = self.repairs.get_mut(&name) {
                repair.deleting = true;
            }
        }
        let all = &self.snapshot;
        let over = |r: &&Remediation| r.node == *node && r.is_finished();
        let over: Vec<(String, bool)> = all
            .remediations
            .values()
            .filter(over)
            .map(|remediation| (remediation.name.clone(), is_remembered(all, remediation)))
            .collect();
        for (name, remembered) in over {
            if remembered {
                self.snapshot.remediations.remove(&name);
            } else if let Some(remediation) = self.snapshot.remediations.get_mut(&name) {
                remediation.deleting = true;
            }
        }
    }

    fn force_out(&mut self, node: &NodeName) {
        for name in self.repairs_on(node) {
            self.tell(&name, What::Lost);
            self.repairs.remove(&name);
            self.lacking.remove(&name);
            self.leave(node);
        }
        self.snapshot.remediations.retain(|_, remediation| remediation.node != *node);
    }

    fn end_held(&mut self, node: &NodeName) {
        for name in self.repairs_on(node) {
            let Some(mut repair) = self.repairs.remove(&name) else { continue };
            if matches!(repair.stage, Stage::Held { .. }) {
                self.change_node(node, |node| node.unschedulable = false);
                self.end(&name, &mut repair, Outcome::Failed);
                self.leave(node);
            } else {
                self.repairs.insert(name, repair);
            }
        }
    }

    fn write_guard(&mut self, guard: Option<Guard>) {
        let old = self.snapshot.guard.take();
        let grants = old.as_ref().map(|old| old.grants.clone()).unwrap_or_default();
        let starts = old.as_ref().map(|old| old.starts.clone()).unwrap_or_default();
        let epoch = old.map_or(self.epoch_before, |old| old.epoch);
        self.epoch_before = epoch;
        self.snapshot.guard = guard.map(|guard| Guard { epoch, grants, starts, ..guard });
        if self.snapshot.guard.is_none() {
            self.ungrant(|_| true);
        }
    }

    fn write_pool(&mut self, pool: Pool) {
        let (grants, starts, storm_state) = match self.snapshot.pools.remove(&pool.name) {
            Some(old) => (old.grants, old.starts, old.storm_state),
            None => (Vec::new(), Starts::default(), None),
        };
        self.snapshot.pools.insert(pool.name.clone(), Pool { grants, starts, storm_state, ..pool });
        self.remeasure();
    }

    /// Grants are gone with the object that had them.
    fn ungrant(&mut self, of: impl Fn(&super::life::Repair) -> bool) {
        for (name, repair) in self.repairs.iter_mut().filter(|(_, repair)| of(repair)) {
            repair.granted = false;
            self.lacking.insert(name.clone());
        }
    }

    /// Pools have changed: every node may count elsewhere.
    fn remeasure(&mut self) {
        if let Some(gauges) = self.gauges.take() {
            self.gauges = Some(gauges.anew(&self.snapshot, self.now));
        }
    }
}
