//! Making the plan of a run, and saying for every node of the pool why or why not.

use std::cmp::{Ordering, Reverse};

use super::{FORMAT_VERSION, Header, PlannedNode};
use crate::actions::{Confirm, Do};
use crate::blocker::Blocker;
use crate::budget::NotAShare;
use crate::canonical::{self, CanonicalError};
use crate::finding::{Evidence, Severity};
use crate::ids::NodeName;
use crate::matching::{Match, match_checks, match_policy};
use crate::playbook::model::object_name;
use crate::playbook::params::{ParamError, resolve};
use crate::playbook::{Phase, Playbook, Step};
use crate::snapshot::{Node, NodeSelection, Pool, RunRequest, Snapshot};
use crate::time::Time;
use crate::version::{Evr, Incomparable};

/// Labels by which a node is known to carry the control plane.
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
/// Label by which an owner keeps a node out of every repair.
pub const EXCLUDE_LABEL: &str = "nodemend.dev/exclude";

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
    /// Something that has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// Makes the plan that `request` asks for, from what is known now.
pub fn draft(snapshot: &Snapshot, request: &RunRequest, now: Time) -> Result<Draft, PlanError> {
    let pool =
        snapshot.pools.get(&request.pool).ok_or_else(|| PlanError::PoolNotFound(request.pool.clone()))?;
    let object = object_name(&request.playbook, &request.version);
    let playbook = snapshot.playbooks.get(&object).ok_or(PlanError::PlaybookNotFound(object))?;
    let header = header(playbook, request)?;
    let mut candidates = Vec::new();
    let mut considered = Vec::new();
    for (name, node) in looked_at(snapshot, pool, request) {
        match judge(snapshot, pool, request, &header, node, now)? {
            Ok(candidate) => {
                considered.push(considered_in(name, &candidate));
                candidates.push(candidate);
            }
            Err(out) => {
                considered.push(Considered { node: name, included: false, reason: out.0, why: out.1 });
            }
        }
    }
    // Broken nodes first, then the worst, then the oldest finding.
    candidates.sort_by_key(|c| (c.node.is_available(), Reverse(c.severity), c.since, c.node.name.clone()));
    let sizes = batch_sizes(pool, request, candidates.len(), snapshot.nodes_of(pool).count())?;
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
fn looked_at<'a>(
    snapshot: &'a Snapshot,
    pool: &'a Pool,
    request: &RunRequest,
) -> Vec<(NodeName, Option<&'a Node>)> {
    let mut nodes: Vec<_> = snapshot.nodes_of(pool).map(|node| (node.name.clone(), Some(node))).collect();
    if let NodeSelection::Named { names } = &request.nodes {
        for name in names {
            if !nodes.iter().any(|(known, _)| known == name) {
                nodes.push((name.clone(), snapshot.nodes.get(name)));
            }
        }
    }
    nodes
}

struct Candidate<'a> {
    node: &'a Node,
    evidence: Vec<Evidence>,
    severity: Option<Severity>,
    since: Option<Time>,
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
type Out = (&'static str, String);

fn judge<'a>(
    snapshot: &Snapshot,
    pool: &Pool,
    request: &RunRequest,
    header: &Header,
    node: Option<&'a Node>,
    now: Time,
) -> Result<Result<Candidate<'a>, Out>, PlanError> {
    let Some(node) = node else {
        return Ok(Err(("NotFound", "no such node".into())));
    };
    if let Some(out) = unfit(snapshot, pool, header, node) {
        return Ok(Err(out));
    }
    let found = match &request.nodes {
        NodeSelection::Named { names } if !names.contains(&node.name) => {
            return Ok(Err(("NotSelected", "not named by the request".into())));
        }
        NodeSelection::Named { .. } => {
            return Ok(Ok(Candidate {
                node,
                evidence: Vec::new(),
                severity: None,
                since: None,
                why: "named by the request".into(),
            }));
        }
        NodeSelection::Findings { checks } => match_checks(snapshot, checks, node, now),
        NodeSelection::Policy { name } => {
            let policy =
                snapshot.policies.get(name).ok_or_else(|| PlanError::PolicyNotFound(name.clone()))?;
            match_policy(snapshot, policy, node, now)
        }
    };
    Ok(candidate(node, found))
}

fn candidate(node: &Node, found: Match) -> Result<Candidate<'_>, Out> {
    let why = found.why.join("; ");
    if !found.matched() {
        return Err(("NoFinding", why));
    }
    let since = found.evidence.iter().filter_map(|e| e.since).min();
    Ok(Candidate { node, severity: found.severity, evidence: found.evidence, since, why })
}

fn considered_in(name: NodeName, candidate: &Candidate<'_>) -> Considered {
    Considered { node: name, included: true, reason: "Planned", why: candidate.why.clone() }
}

/// What keeps a node out of any plan of this playbook, finding or not.
fn unfit(snapshot: &Snapshot, pool: &Pool, header: &Header, node: &Node) -> Option<Out> {
    if !pool.selector.matches(&node.labels) {
        return Some(("NotInPool", format!("pool {} does not select it", pool.name)));
    }
    let pools = snapshot.pools_of(node);
    if pools.len() > 1 {
        let names: Vec<_> = pools.into_iter().collect();
        return Some(("TwoPools", format!("selected by more than one pool: {}", names.join(", "))));
    }
    if let Some(label) = CONTROL_PLANE.iter().find(|label| node.labels.contains_key(**label)) {
        return Some(("ControlPlane", format!("carries the control plane (label {label})")));
    }
    if node.labels.contains_key(EXCLUDE_LABEL) {
        return Some(("Excluded", format!("label {EXCLUDE_LABEL} keeps it out of every repair")));
    }
    if let Some(busy) = snapshot.remediations.values().find(|r| r.node_uid == node.uid && !r.is_finished()) {
        return Some(("Busy", format!("run {} is repairing it or holds it", busy.run)));
    }
    wrong_host(snapshot, header, node)
}

/// What the last report says of the host against what the playbook is for. What is not known is found out by
/// `confirm`, while the node still serves.
fn wrong_host(snapshot: &Snapshot, header: &Header, node: &Node) -> Option<Out> {
    let applies = &header.playbook.applies_to;
    let machine = machine_name(&node.architecture);
    if !machine.is_empty()
        && !applies.architectures.is_empty()
        && !applies.architectures.iter().any(|a| a == machine)
    {
        return Some((
            "OtherArchitecture",
            format!("is {machine}, the playbook is for {}", applies.architectures.join(", ")),
        ));
    }
    let report = snapshot.reports.get(&node.uid)?.get(crate::snapshot::PROBER)?;
    if let Some(os) = &report.os_id
        && !applies.os.is_empty()
        && !applies.os.contains(os)
    {
        return Some(("OtherSystem", format!("runs {os}, the playbook is for {}", applies.os.join(", "))));
    }
    header.steps.iter().find_map(|step| match &step.action {
        Do::PackageInstall(install) => {
            wrong_target(&install.name, &install.version, report.packages.get(&install.name)?)
        }
        _ => None,
    })
}

/// A target of another distribution, or older than anything installed, is no repair: an interrupted transaction leaves
/// two versions, and each counts. Versions whose order says nothing are left to the package manager, which is asked in
/// `Prepare`.
fn wrong_target(package: &str, target: &str, installed: &[String]) -> Option<Out> {
    let wanted: Evr = target.parse().ok()?;
    let present: Vec<Evr> = installed.iter().filter_map(|text| text.parse().ok()).collect();
    let other = |evr: &&Evr| matches!(evr.compare(&wanted), Err(Incomparable::Distribution { .. }));
    if let Some(evr) = present.iter().find(other) {
        return Some(("OtherDistribution", format!("has {package} {evr}, the target is {wanted}")));
    }
    let newer = |evr: &&Evr| evr.compare(&wanted) == Ok(Ordering::Greater);
    let evr = present.iter().find(newer)?;
    Some(("WouldDowngrade", format!("has {package} {evr}, the target {wanted} is older")))
}

/// The kernel's name of a machine for Go's, which Kubernetes uses.
fn machine_name(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}

/// The batch of each of `count` nodes.
fn batch_sizes(
    pool: &Pool,
    request: &RunRequest,
    count: usize,
    pool_size: usize,
) -> Result<Vec<u32>, PlanError> {
    let budget = &pool.budget;
    let default = [budget.max_in_flight.clone().unwrap_or_else(|| budget.max_unavailable.clone())];
    let sizes = if request.rollout.batches.is_empty() { &default[..] } else { &request.rollout.batches[..] };
    let mut of_nodes = Vec::with_capacity(count);
    for batch in 0_u32.. {
        if of_nodes.len() >= count {
            break;
        }
        let size = &sizes[(batch as usize).min(sizes.len() - 1)];
        // A size of 0 would never end; what a budget of 0 lets through is decided when nodes are granted.
        let size = size.of(pool_size)?.max(1).min(count - of_nodes.len());
        of_nodes.extend(std::iter::repeat_n(batch, size));
    }
    Ok(of_nodes)
}

/// The blocker of a run that cannot be planned yet.
pub fn cannot_plan(run: &str, error: &PlanError) -> Blocker {
    Blocker::new("CannotPlan", format!("repairrun/{run}"), error.to_string())
}
