//! The world as decisions see it: rows kept up to date by watches, cut down to what is decided on.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Grant, Starts};
use crate::decide::PolicyStatus;
use crate::drain::DrainRule;
use crate::finding::CheckResult;
use crate::ids::{BootId, CheckId, Digest, Epoch, NodeName, NodeUid, RunUid};
use crate::plan::Page;
use crate::playbook::Playbook;
use crate::rollout::storm::{Breaker, StormState};
use crate::rollout::window::Window;
use crate::rollout::{Answer, Asked};
use crate::saga::{Journal, Mode, Outcome};
use crate::selector::{Labels, Selector};
use crate::small_map::SmallMap;
use crate::time::Time;

mod fleet;
mod ledger;
mod policy;
mod run;

pub use fleet::Fleet;
pub use ledger::{Ledger, Mark};
pub use policy::{
    ConditionMatch, Escalation, FindingMatch, Limits, PROBER, PlaybookRef, Policy, PolicyMode, Recurrence,
};
pub use run::{Counts, EvidenceByNode, NodeSelection, Operation, Run, RunPhase, RunRequest, RunStatus, Verb};

/// Everything that decisions are made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Snapshot {
    /// The one RepairGuard; without it nothing disruptive starts.
    pub guard: Option<Guard>,
    /// Pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Nodes by name.
    pub nodes: BTreeMap<NodeName, Node>,
    /// Policies by name.
    pub policies: BTreeMap<String, Policy>,
    /// What is written in the status of each policy, by name.
    pub policy_status: BTreeMap<String, PolicyStatus>,
    /// Playbooks by object name.
    pub playbooks: BTreeMap<String, Playbook>,
    /// Runs by name.
    pub runs: BTreeMap<String, Run>,
    /// Plan pages by run UID, then index.
    pub pages: BTreeMap<RunUid, BTreeMap<u32, Page>>,
    /// Remediations by name.
    pub remediations: BTreeMap<String, Remediation>,
    /// Holds by name.
    pub holds: BTreeMap<String, Hold>,
    /// Reports by node UID, then source.
    pub reports: BTreeMap<NodeUid, BTreeMap<String, Report>>,
    /// What gates answered last.
    pub answers: BTreeMap<Asked, Answer>,
    /// The node that the controller itself runs on, if it knows.
    pub own_node: Option<NodeName>,
    /// Objects that are stored but cannot be decoded, as `kind/name` in lower case, and why.
    pub undecodable: BTreeMap<String, String>,
}

/// The RepairGuard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guard {
    /// Cluster-wide limit on nodes that are unavailable and in flight; absent means none beside the pools'.
    pub budget: Option<Budget>,
    /// The highest epoch that any process has taken.
    pub epoch: Epoch,
    /// Grants of all pools.
    pub grants: Vec<Grant>,
    /// Recent node starts of all pools.
    pub starts: Starts,
    /// Names of fields that are set and not honoured yet; any stops every run.
    pub unsupported: Vec<String>,
}

/// A RepairPool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the object that a person set")]
pub struct Pool {
    /// Name.
    pub name: String,
    /// Which nodes.
    pub selector: Selector,
    /// How many at once.
    pub budget: Budget,
    /// From which risk on a person has to agree.
    pub approval: ApprovalFloor,
    /// What a drain does with which pods.
    pub drain_rules: Vec<DrainRule>,
    /// Whether repairs may be carried out at all (`access.repair` is not `none`).
    pub repairable: bool,
    /// Names of fields that are set and not honoured yet; any stops its runs.
    pub unsupported: Vec<String>,
    /// Whether the pool is being deleted: nothing more starts.
    pub deleting: bool,
    /// Grants of this pool.
    pub grants: Vec<Grant>,
    /// Recent node starts of this pool.
    pub starts: Starts,
    /// Whether its control-plane nodes may be repaired at all.
    pub control_plane: bool,
    /// Whether each of its runs has to name a change.
    pub require_change_ref: bool,
    /// When repairs may start; empty means at any time.
    pub windows: Vec<Window>,
    /// When so much is broken at once that repairs stop.
    pub storm: Breaker,
    /// The storm that there is, or was a moment ago.
    pub storm_state: Option<StormState>,
}

/// From which risk on a run needs a person's approval.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum ApprovalFloor {
    /// Every run.
    Always,
    /// Runs of medium or high risk.
    #[default]
    FromMediumRisk,
    /// Runs of high risk.
    FromHighRisk,
    /// None. Has to be written.
    Never,
}

/// A Node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Node {
    /// Name.
    pub name: NodeName,
    /// UID.
    pub uid: NodeUid,
    /// Labels.
    pub labels: Labels,
    /// `spec.providerID`.
    pub provider_id: Option<String>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Conditions by type.
    pub conditions: BTreeMap<String, Condition>,
    /// `status.nodeInfo.bootID`.
    pub boot_id: BootId,
    /// `status.nodeInfo.osImage`, for people.
    pub os_image: String,
    /// `status.nodeInfo.architecture`, Kubernetes's name for it (`amd64`).
    pub architecture: String,
    /// Why it is about to go, if somebody marked it for deletion.
    pub leaving: Option<String>,
    /// When it was registered.
    pub created: Time,
}

/// One condition of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Since when.
    pub since: Option<Time>,
}

/// A Remediation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Remediation {
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Name of its run.
    pub run: String,
    /// UID of its run.
    pub run_uid: RunUid,
    /// Name of its pool.
    pub pool: String,
    /// Name of its node.
    pub node: NodeName,
    /// UID of its node.
    pub node_uid: NodeUid,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The checks whose findings it repairs.
    pub checks: Vec<CheckId>,
    /// Its journal; `None` until the saga has begun.
    pub journal: Option<Journal>,
}

/// A Hold: stops new steps within its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hold {
    /// Name.
    pub name: String,
    /// What it stops.
    pub scope: HoldScope,
    /// Who made it.
    pub held_by: String,
    /// Why.
    pub reason: String,
    /// What was seen, with the figures, where a reason of one word is not enough.
    pub message: Option<String>,
    /// How hard it stops.
    pub level: HoldLevel,
    /// Until when; absent means until it is released.
    pub until: Option<Time>,
    /// When it was made.
    pub created: Time,
}

/// How hard a Hold stops.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum HoldLevel {
    /// No further step starts: nodes under way stop between two steps.
    #[default]
    Stop,
    /// No further node starts: nodes under way are finished.
    Pause,
}

/// What a Hold stops; exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HoldScope {
    /// Everything.
    Cluster {},
    /// One pool.
    Pool {
        /// Its name.
        name: String,
    },
    /// Everything that one policy started.
    Policy {
        /// Its name.
        name: String,
    },
    /// One run.
    Run {
        /// Its name.
        name: String,
    },
    /// One node.
    Node {
        /// Its name.
        name: String,
    },
    /// One playbook in one pool.
    Playbook {
        /// The playbook's name without version.
        name: String,
        /// The pool's name.
        pool: String,
    },
}

/// What one source said of one node last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Report {
    /// Results by check.
    pub results: SmallMap<CheckId, CheckResult>,
    /// When the report stops counting.
    pub expires_at: Time,
    /// The operating system's `ID` of os-release, when known.
    pub os_id: Option<String>,
    /// Installed versions of the packages that were looked at, by name.
    pub packages: SmallMap<String, Vec<String>>,
    /// When the machine was started, when known.
    pub booted_at: Option<Time>,
}

/// Well-known label of the zone that a node is in.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// Labels by which a node is known to carry the control plane.
pub const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Labels by which an owner keeps a node out of every repair: ours, and that of the medik8s operators.
pub const EXCLUDE_LABELS: [&str; 2] =
    ["nodemend.dev/exclude", "remediation.medik8s.io/exclude-from-remediation"];

impl Node {
    /// The label that keeps it out of every repair, if it has one.
    pub fn opted_out(&self) -> Option<&'static str> {
        EXCLUDE_LABELS.into_iter().find(|label| self.labels.contains_key(*label))
    }

    /// The zone that it is in; the empty text for none.
    pub fn zone(&self) -> &str {
        self.labels.get(ZONE_LABEL).map_or("", String::as_str)
    }

    /// Whether it carries the control plane.
    pub fn is_control_plane(&self) -> bool {
        CONTROL_PLANE_LABELS.iter().any(|label| self.labels.contains_key(*label))
    }

    /// Whether Ready is True, and since when; `None` when it is Unknown or missing.
    pub fn ready(&self) -> Option<bool> {
        match self.conditions.get("Ready")?.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        }
    }

    /// Whether work can be placed on it: Ready, and cordoned by nobody.
    pub fn is_available(&self) -> bool {
        self.ready() == Some(true) && !self.unschedulable
    }
}

impl Pool {
    /// Whether a fault of one of `checks` is repaired through this pool's storm Hold.
    pub fn admits<'a>(&self, mut checks: impl Iterator<Item = &'a CheckId>) -> bool {
        checks.any(|check| self.storm.admit_checks.contains(check))
    }

    /// Whether a node with these faults is let through a storm now: one at a time, and through a full budget. Once a
    /// person has released the storm Hold, the usual rules count again.
    pub fn lets_through<'a>(&self, checks: impl Iterator<Item = &'a CheckId>) -> bool {
        self.storm_state.as_ref().is_some_and(|state| !state.overridden) && self.admits(checks)
    }
}

impl Remediation {
    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_finished)
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.journal.as_ref()?.outcome.filter(|_| self.is_finished())
    }

    /// Whether it waits for a person.
    pub fn is_held(&self) -> bool {
        self.journal.as_ref().is_some_and(|j| j.mode == Mode::Held)
    }
}

impl Snapshot {
    /// The nodes of a pool, by name.
    pub fn nodes_of<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Node> {
        self.nodes.values().filter(|node| pool.selector.matches(&node.labels))
    }

    /// The pools that a node belongs to; more than one is a mistake that stops its repair.
    pub fn pools_of(&self, node: &Node) -> BTreeSet<&str> {
        let selects = |pool: &&Pool| pool.selector.matches(&node.labels);
        self.pools.values().filter(selects).map(|pool| pool.name.as_str()).collect()
    }

    /// The Remediations of a run.
    pub fn remediations_of<'a>(&'a self, run: &'a RunUid) -> impl Iterator<Item = &'a Remediation> {
        self.remediations.values().filter(move |r| r.run_uid == *run)
    }

    /// The last result of a check on a node, from `source`, unless it has expired.
    pub fn result(&self, node: &NodeUid, source: &str, check: &CheckId, now: Time) -> Option<&CheckResult> {
        let report = self.reports.get(node)?.get(source)?;
        report.results.get(check).filter(|_| report.expires_at > now)
    }
}

/// Whether the Remediation called `name` holds both grants that it needs: of the guard and of its pool.
pub fn is_granted(snapshot: &Snapshot, name: &str, pool: &str) -> bool {
    let has = |grants: &[Grant]| grants.iter().any(|grant| grant.remediation == name);
    snapshot.guard.as_ref().is_some_and(|guard| has(&guard.grants))
        && snapshot.pools.get(pool).is_some_and(|pool| has(&pool.grants))
}

/// A plan as the run's status records it; written once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// The plan's digest.
    pub digest: Digest,
    /// Digest of each page.
    #[schemars(length(max = 400))]
    pub page_digests: Vec<Digest>,
    /// How many nodes it has.
    pub nodes: u32,
    /// How many batches.
    pub batches: u32,
    /// When it was made.
    pub planned_at: Time,
}
