//! Making the plan of a run, and saying for every node of the pool why or why not.

use std::collections::{BTreeMap, BTreeSet};

use super::host::wrong_host;
use super::order::in_order;
use super::{FORMAT_VERSION, Header, PlannedNode};
use crate::actions::{Confirm, Do};
use crate::blocker::Blocker;
use crate::budget::NotAShare;
use crate::canonical::{self, CanonicalError};
use crate::finding::{Evidence, Severity};
use crate::ids::{CheckId, NodeName, NodeUid};
use crate::matching::{Match, match_checks, match_policy};
use crate::playbook::model::object_name;
use crate::playbook::params::{ParamError, resolve};
use crate::playbook::{Phase, Playbook, Step};
use crate::rollout::{Attempt, Failures, Place, attempts, batch_of_each, place, reached};
use crate::snapshot::{Fleet, Node, NodeSelection, PROBER, Policy, Pool, RunRequest};
use crate::time::Time;

/// Why a node is left out on which a policy has tried enough.
pub const TOO_MANY_ATTEMPTS: &str = "TooManyAttempts";
/// Why a node is left out on which the same was tried a moment ago.
pub const COOLS_DOWN: &str = "CoolsDown";

/// A plan before it is sealed, with the answer for every node that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What is done.
    pub header: Header,
    /// To which nodes, in order.
    pub nodes: Vec<PlannedNode>,
    /// Every node of the pool, or named by the request: in or out, and why.
    pub considered: Vec<Considered>,
}

/// The answer for one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// The node.
    pub node: NodeName,
    /// Whether the plan has it.
    pub included: bool,
    /// A CamelCase word for why.
    pub reason: &'static str,
    /// The same in a sentence.
    pub why: String,
}

/// Why there can be no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The pool does not exist.
    #[error("RepairPool {0} does not exist; `nodemend get pools` lists those that do")]
    PoolNotFound(String),
    /// The playbook version does not exist.
    #[error("Playbook {0} does not exist; `nodemend playbook list` lists those that do")]
    PlaybookNotFound(String),
    /// The policy does not exist.
    #[error("RepairPolicy {0} does not exist; `nodemend get policies` lists those that do")]
    PolicyNotFound(String),
    /// A parameter is missing, unknown or of the wrong kind.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// A batch size that is neither a number nor a percentage.
    #[error("rollout.batches: {0}")]
    Batches(#[from] NotAShare),
    /// A failure limit that is neither a number nor a percentage.
    #[error("rollout.maxFailures: {0}")]
    MaxFailures(#[source] NotAShare),
    /// Something that has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// Makes the plan that `request` asks for, from what is known now.
pub fn draft(fleet: &Fleet<'_>, request: &RunRequest, now: Time) -> Result<Draft, PlanError> {
    let snapshot = fleet.snapshot;
    let pool =
        snapshot.pools.get(&request.pool).ok_or_else(|| PlanError::PoolNotFound(request.pool.clone()))?;
    let object = object_name(&request.playbook, &request.version);
    let playbook = snapshot.playbooks.get(&object).ok_or(PlanError::PlaybookNotFound(object))?;
    let header = header(playbook, request)?;
    let judge = Judge { fleet, pool, header: &header, wanted: wanted(fleet, request)?, now };
    let mut candidates = Vec::new();
    let mut considered = Vec::new();
    for (name, node) in looked_at(fleet, request) {
        match judge.judge(node) {
            Ok(candidate) => {
                considered.push(considered_in(name, &candidate));
                candidates.push(candidate);
            }
            Err(out) => {
                considered.push(Considered { node: name, included: false, reason: out.0, why: out.1 });
            }
        }
    }
    let candidates = in_order(candidates, request.rollout.order, snapshot.own_node.as_ref());
    let pool_size = fleet.members(&pool.name).len();
    let sizes = batch_of_each(&request.rollout, &pool.budget, candidates.len(), pool_size)?;
    // Judged now, so that a limit nobody can compute is found before anything is done.
    reached(&request.rollout, Failures::default()).map_err(PlanError::MaxFailures)?;
    let nodes = candidates.into_iter().zip(sizes).map(|(c, batch)| c.planned(batch)).collect();
    Ok(Draft { header, nodes, considered })
}

fn header(playbook: &Playbook, request: &RunRequest) -> Result<Header, PlanError> {
    let confirm = Step {
        name: "confirm".into(),
        phase: Phase::Prepare,
        action: Do::Confirm(Confirm {}),
        timeout: None,
        undo: None,
    };
    let mut steps = vec![confirm];
    steps.extend(resolve(playbook, &request.parameters)?);
    Ok(Header {
        format_version: FORMAT_VERSION,
        playbook_digest: canonical::digest(playbook)?,
        playbook: playbook.clone(),
        parameters: request.parameters.clone(),
        steps,
        rollout: request.rollout.clone(),
    })
}

/// The pool's nodes, and those that the request names, whether they exist or not.
fn looked_at<'a>(fleet: &Fleet<'a>, request: &RunRequest) -> Vec<(NodeName, Option<&'a Node>)> {
    let members = fleet.members(&request.pool).iter();
    let mut nodes: Vec<_> = members.map(|node| (node.name.clone(), Some(*node))).collect();
    if let NodeSelection::Named { names } = &request.nodes {
        let known: BTreeSet<_> = fleet.members(&request.pool).iter().map(|node| &node.name).collect();
        let others = names.iter().filter(|name| !known.contains(name));
        nodes.extend(others.map(|name| (name.clone(), fleet.snapshot.nodes.get(name))));
    }
    nodes
}

/// What nodes are looked for, resolved once for all of them.
enum Wanted<'a> {
    Named(&'a [NodeName]),
    Checks(&'a [CheckId]),
    Policy(&'a Policy, u32, BTreeMap<&'a NodeUid, Vec<Attempt>>),
}

fn wanted<'a>(fleet: &'a Fleet<'_>, request: &'a RunRequest) -> Result<Wanted<'a>, PlanError> {
    match &request.nodes {
        NodeSelection::Named { names } => Ok(Wanted::Named(names)),
        NodeSelection::Findings { checks } => Ok(Wanted::Checks(checks)),
        NodeSelection::Policy { name, rung } => {
            let policy = fleet.snapshot.policies.get(name);
            let policy = policy.ok_or_else(|| PlanError::PolicyNotFound(name.clone()))?;
            Ok(Wanted::Policy(policy, *rung, attempts(fleet, policy, &request.pool)))
        }
    }
}

/// A node that the plan has.
pub(super) struct Candidate<'a> {
    pub(super) node: &'a Node,
    evidence: Vec<Evidence>,
    pub(super) severity: Option<Severity>,
    pub(super) since: Option<Time>,
    pub(super) booted: Option<Time>,
    why: String,
}

impl Candidate<'_> {
    fn planned(self, batch: u32) -> PlannedNode {
        PlannedNode {
            name: self.node.name.clone(),
            uid: self.node.uid.clone(),
            provider_id: self.node.provider_id.clone(),
            evidence: self.evidence.into_iter().take(4).collect(),
            batch,
        }
    }
}

/// Why a node is left out: a word and a sentence.
pub(super) type Out = (&'static str, String);

/// Says of each node whether the plan has it.
struct Judge<'a, 'b> {
    fleet: &'b Fleet<'a>,
    pool: &'b Pool,
    header: &'b Header,
    wanted: Wanted<'b>,
    now: Time,
}

impl<'a> Judge<'a, '_> {
    fn judge(&self, node: Option<&'a Node>) -> Result<Candidate<'a>, Out> {
        let node = node.ok_or_else(|| ("NotFound", "no such node".to_owned()))?;
        if let Some(out) = self.unfit(node) {
            return Err(out);
        }
        let snapshot = self.fleet.snapshot;
        let found = match &self.wanted {
            Wanted::Named(names) if !names.contains(&node.name) => {
                return Err(("NotSelected", "not named by the request".into()));
            }
            Wanted::Named(_) => return Ok(self.candidate(node, Match::by_name())),
            Wanted::Checks(checks) => match_checks(snapshot, checks, node, self.now),
            Wanted::Policy(policy, ..) => match_policy(snapshot, policy, node, self.now),
        };
        if !found.matched() {
            return Err(("NoFinding", found.why.join("; ")));
        }
        self.on_ladder(node)?;
        Ok(self.candidate(node, found))
    }

    fn candidate(&self, node: &'a Node, found: Match) -> Candidate<'a> {
        let report = self.fleet.snapshot.reports.get(&node.uid).and_then(|reports| reports.get(PROBER));
        Candidate {
            node,
            severity: found.severity,
            since: found.evidence.iter().filter_map(|evidence| evidence.since).min(),
            booted: report.and_then(|report| report.booted_at),
            why: found.why.join("; "),
            evidence: found.evidence,
        }
    }

    /// Whether it is the turn of this rung of the policy's ladder on the node.
    fn on_ladder(&self, node: &Node) -> Result<(), Out> {
        let Wanted::Policy(policy, rung, attempts) = &self.wanted else { return Ok(()) };
        let tried = attempts.get(&node.uid).map_or(&[][..], Vec::as_slice);
        match place(policy, tried, self.now) {
            Place::Rung(at) if at == *rung => Ok(()),
            Place::Rung(at) => {
                let (playbook, _) = policy.at_rung(at);
                Err(("OtherRung", format!("it is the turn of playbook {} on this node", playbook.name)))
            }
            Place::CoolsDown(until) => Err((
                COOLS_DOWN,
                format!("the same was tried a moment ago (limits.nodeCoolDown): from {until} on"),
            )),
            Place::Exhausted(why) => Err((TOO_MANY_ATTEMPTS, why)),
        }
    }

    /// What keeps a node out of any plan of this playbook, finding or not.
    fn unfit(&self, node: &Node) -> Option<Out> {
        let pool = self.pool;
        if !pool.selector.matches(&node.labels) {
            return Some(("NotInPool", format!("pool {} does not select it", pool.name)));
        }
        if self.fleet.is_contested(node) {
            let names: Vec<_> = self.fleet.snapshot.pools_of(node).into_iter().collect();
            return Some(("TwoPools", format!("selected by more than one pool: {}", names.join(", "))));
        }
        if node.is_control_plane() && !pool.control_plane {
            let why = "carries the control plane; spec.controlPlane of the pool lets it be repaired";
            return Some(("ControlPlane", why.to_owned()));
        }
        if let Some(label) = node.opted_out() {
            return Some(("Excluded", format!("label {label} keeps it out of every repair")));
        }
        if let Some(why) = &node.leaving {
            return Some(("Leaving", why.clone()));
        }
        if let Some(busy) = self.fleet.busy(&node.uid) {
            return Some(("Busy", format!("run {} is repairing it or holds it", busy.run)));
        }
        wrong_host(self.fleet.snapshot, self.header, node)
    }
}

fn considered_in(name: NodeName, candidate: &Candidate<'_>) -> Considered {
    Considered { node: name, included: true, reason: "Planned", why: candidate.why.clone() }
}

/// The blocker of a run that cannot be planned yet.
pub fn cannot_plan(run: &str, error: &PlanError) -> Blocker {
    Blocker::new("CannotPlan", format!("repairrun/{run}"), error.to_string())
}
