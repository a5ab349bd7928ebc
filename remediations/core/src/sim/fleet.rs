//! A generated cluster: one pool of nodes that all have the finding, spread over zones, and a run over them.

use std::collections::BTreeMap;

use super::random::Random;
use crate::budget::Budget;
use crate::finding::{CheckResult, CheckState, Severity};
use crate::ids::{CheckId, Digest, NodeName};
use crate::playbook::Playbook;
use crate::rollout::Rollout;
use crate::selector::Selector;
use crate::snapshot::{
    ApprovalFloor, Condition, Guard, Node, NodeSelection, PROBER, Pool, Report, Run, RunRequest, RunStatus,
    Snapshot, ZONE_LABEL,
};
use crate::time::{Span, Time};

/// The pool, its label and the run of a generated cluster.
pub const NAME: &str = "generated";
const POOL_LABEL: &str = "nodemend.dev/pool";

/// What is generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many nodes.
    pub nodes: u32,
    /// Over how many zones they are spread; at least one.
    pub zones: u32,
    /// Nodes that are not Ready at the beginning, per million.
    pub not_ready: u32,
    /// What they are drawn from.
    pub seed: u64,
    /// The pool's budget.
    pub budget: Budget,
    /// How the run spreads.
    pub rollout: Rollout,
    /// The check that fails on every node.
    pub check: CheckId,
    /// What repairs it.
    pub playbook: Playbook,
    /// Parameters for the playbook.
    pub parameters: BTreeMap<String, String>,
}

/// The cluster at `now`, with its run just asked for.
pub fn generate(plan: &Plan, now: Time) -> Snapshot {
    let mut snapshot =
        Snapshot { guard: Some(Guard { epoch: 1, ..Guard::default() }), ..Snapshot::default() };
    let mut random = Random::new(plan.seed);
    for number in 0..plan.nodes {
        let ready = if random.happens(plan.not_ready) { "False" } else { "True" };
        let node = node(plan, number, ready, now);
        let reports = BTreeMap::from([(PROBER.to_owned(), report(&plan.check, now))]);
        snapshot.reports.insert(node.uid.clone(), reports);
        snapshot.nodes.insert(node.name.clone(), node);
    }
    snapshot.pools.insert(NAME.to_owned(), pool(plan));
    snapshot.playbooks.insert(plan.playbook.object_name(), plan.playbook.clone());
    snapshot.runs.insert(NAME.to_owned(), run(plan, now));
    snapshot
}

fn node(plan: &Plan, number: u32, ready: &str, now: Time) -> Node {
    let name = format!("node-{number:06}");
    let zone =
        format!("zone-{}", char::from(b'a' + u8::try_from(number % plan.zones.clamp(1, 26)).unwrap_or(0)));
    let condition = Condition { status: ready.to_owned(), since: Some(now.before(Span::minutes(60))) };
    Node {
        uid: format!("{name}-uid").into(),
        name: NodeName(name),
        labels: BTreeMap::from([(POOL_LABEL.to_owned(), NAME.to_owned()), (ZONE_LABEL.to_owned(), zone)]),
        conditions: BTreeMap::from([("Ready".to_owned(), condition)]),
        boot_id: "boot-0".into(),
        ..Node::default()
    }
}

fn report(check: &CheckId, now: Time) -> Report {
    let result = CheckResult {
        check: check.clone(),
        state: CheckState::Fail,
        severity: Severity::Error,
        message: format!("{check} fails"),
        observed: BTreeMap::new(),
        fingerprint: Digest("sha256:generated".to_owned()),
        failing_since: Some(now.before(Span::minutes(60))),
        observed_at: now,
    };
    let results = BTreeMap::from([(check.clone(), result)]);
    Report {
        results: results.into_iter().collect(),
        expires_at: now.after(Span::minutes(60)),
        ..Report::default()
    }
}

fn pool(plan: &Plan) -> Pool {
    Pool {
        approval: ApprovalFloor::Never,
        ..Pool::new(NAME, Selector::label(POOL_LABEL, NAME), plan.budget.clone())
    }
}

fn run(plan: &Plan, now: Time) -> Run {
    let request = RunRequest {
        pool: NAME.to_owned(),
        playbook: plan.playbook.name.clone(),
        version: plan.playbook.version.clone(),
        parameters: plan.parameters.clone(),
        nodes: NodeSelection::Findings { checks: vec![plan.check.clone()] },
        rollout: plan.rollout.clone(),
        requested_by: "simulation".to_owned(),
        start_before: now.after(Span::minutes(60)),
        change_ref: None,
        plan_only: false,
        operations: Vec::new(),
    };
    Run {
        name: NAME.to_owned(),
        uid: "generated-uid".into(),
        created: now,
        deleting: false,
        finalized: false,
        request,
        status: RunStatus::default(),
    }
}
