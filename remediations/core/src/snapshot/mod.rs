//! The world as decisions see it: rows kept up to date by watches, cut down to what is decided on.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Grant, Starts};
use crate::decide::PolicyStatus;
use crate::drain::DrainRule;
use crate::finding::CheckResult;
use crate::ids::{CheckId, Digest, NodeName, NodeUid, RunUid};
use crate::plan::Page;
use crate::playbook::Playbook;
use crate::rollout::storm::{Breaker, StormState};
use crate::rollout::window::Window;
use crate::rollout::{Answer, Asked};
use crate::saga::{Journal, Mode, Outcome};
use crate::selector::Selector;
use crate::small_map::SmallMap;
use crate::time::Time;

mod fleet;
mod guard;
mod hold;
mod index;
mod ledger;
mod node;
mod policy;
mod run;

pub use fleet::{ByNode, Fleet};
pub use guard::{Behind, Guard};
pub use hold::{Hold, HoldLevel, HoldScope};
pub use index::TextIndex;
pub use ledger::{Ledger, Mark};
pub use node::{CONTROL_PLANE_LABELS, Condition, EXCLUDE_LABELS, Node, ZONE_LABEL};
pub use policy::{
    ConditionMatch, Escalation, FindingMatch, Limits, PROBER, PlaybookRef, Policy, PolicyMode, Recurrence,
};
pub use run::{
    Counts, EvidenceByNode, NodeSelection, Operation, Resolution, Run, RunPhase, RunRequest, RunStatus, Verb,
};

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
    /// Why the audit log cannot be written, while it cannot: nothing new starts.
    pub audit_failure: Option<String>,
    /// Objects that are stored but cannot be decoded, as `kind/name` in lower case, and why.
    pub undecodable: BTreeMap<String, String>,
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

impl Pool {
    /// A pool of which nothing more is said: it may be repaired, with the approvals and the storm breaker that are on by
    /// default.
    pub fn new(name: &str, selector: Selector, budget: Budget) -> Self {
        Self {
            name: name.to_owned(),
            selector,
            budget,
            approval: ApprovalFloor::default(),
            drain_rules: Vec::new(),
            repairable: true,
            unsupported: Vec::new(),
            deleting: false,
            grants: Vec::new(),
            starts: Starts::default(),
            control_plane: false,
            require_change_ref: false,
            windows: Vec::new(),
            storm: Breaker::default(),
            storm_state: None,
        }
    }

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

    /// Whether its host is being put back after a failure.
    pub fn is_being_undone(&self) -> bool {
        self.journal.as_ref().is_some_and(|j| j.mode == Mode::Undoing)
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
