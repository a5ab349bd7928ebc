//! What one search begins with: the cluster, the plan, the budgets, and how much may go wrong on one path.

use std::collections::BTreeMap;

use nodemend_core::actions::{Confirm, Cordon, Do, PackageInstall, Reboot, Uncordon, Verify};
use nodemend_core::budget::{Budget, IntOrPercent, Rate, ZoneBudget};
use nodemend_core::finding::Evidence;
use nodemend_core::ids::{BootId, NodeName, RunUid};
use nodemend_core::plan::{FORMAT_VERSION, Header, Page, PlannedNode};
use nodemend_core::playbook::{Applies, Phase, Playbook, Risk, Step};
use nodemend_core::rollout::Rollout;
use nodemend_core::selector::Selector;
use nodemend_core::snapshot::{
    ApprovalFloor, Condition, Guard, Node, NodeSelection, PlanSummary, Pool, Run, RunPhase, RunRequest,
    RunStatus, Snapshot, ZONE_LABEL,
};
use nodemend_core::time::{Span, Time};

use super::trouble::Trouble;

/// The only moment there is: the model follows orders of events, not lengths of time.
pub const NOW: Time = Time(1_000_000_000_000);
/// A moment at which every step's time is up.
pub const LATE: Time = Time(NOW.0 + 86_400_000);
/// The one pool.
pub const POOL: &str = "web";
/// What the package step brings the host to.
pub const TARGET: &str = "219-78.el7_9.9";
/// The nodes and their zones.
pub const NODES: [(&str, &str); 4] = [("n1", "a"), ("n2", "b"), ("n3", "a"), ("n4", "b")];

/// One search.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// The planned nodes of each run: indices of [`NODES`] with the batch of each.
    pub runs: Vec<Vec<(usize, u32)>>,
    /// What is done to each node after `confirm`.
    pub steps: Vec<Kind>,
    /// `maxUnavailable` of pool and guard.
    pub max_unavailable: u32,
    /// `maxUnavailable` of each zone of the pool.
    pub per_zone: Option<u32>,
    /// How many nodes the pool may start in all: the model's time stands still.
    pub rate: Option<u32>,
    /// How many nodes of a run may fail.
    pub max_failures: u32,
    /// What may go wrong.
    pub trouble: Trouble,
    /// Of how many states one is played on to its end; each costs as much as a hundred others.
    pub one_in: u64,
}

/// Kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the actions")]
pub enum Kind {
    Confirm,
    Cordon,
    Install,
    Reboot,
    Verify,
    Uncordon,
}

impl Kind {
    fn step(self) -> Step {
        let (name, version) = ("systemd".to_owned(), TARGET.to_owned());
        let (phase, action) = match self {
            Self::Confirm => (Phase::Prepare, Do::Confirm(Confirm {})),
            Self::Cordon => (Phase::Disrupt, Do::Cordon(Cordon {})),
            Self::Install => {
                (Phase::Repair, Do::PackageInstall(PackageInstall { name, version, allow: Vec::new() }))
            }
            Self::Reboot => (Phase::Repair, Do::Reboot(Reboot { grace: Span::minutes(2) })),
            Self::Verify => (Phase::Verify, Do::Verify(Verify::default())),
            Self::Uncordon => (Phase::Release, Do::Uncordon(Uncordon {})),
        };
        Step { name: format!("{self:?}").to_lowercase(), phase, action, timeout: None, undo: None }
    }
}

impl Setting {
    /// The objects that are stored at first: healthy nodes, one pool, the guard, and runs whose plans are written.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            guard: Some(Guard { budget: Some(Budget::of(self.limit())), ..Guard::default() }),
            ..Snapshot::default()
        };
        let budget = Budget {
            per_zone: self
                .per_zone
                .map(|of| ZoneBudget { max_unavailable: IntOrPercent::Int(of), max_in_flight: None }),
            rate: self.rate.map(|nodes| Rate { nodes, per: Span::minutes(60) }),
            ..Budget::of(self.limit())
        };
        let pool = Pool::new(POOL, Selector::label("pool", POOL), budget);
        snapshot.pools.insert(POOL.to_owned(), Pool { approval: ApprovalFloor::Never, ..pool });
        snapshot.nodes.extend(NODES.map(|(name, zone)| (name.into(), node(name, zone))));
        for (number, planned) in self.runs.iter().enumerate() {
            let run = run(number, self.request(planned), planned);
            snapshot.pages.insert(run.uid.clone(), self.pages(planned));
            snapshot.runs.insert(run.name.clone(), run);
        }
        snapshot
    }

    const fn limit(&self) -> IntOrPercent {
        IntOrPercent::Int(self.max_unavailable)
    }

    fn request(&self, planned: &[(usize, u32)]) -> RunRequest {
        RunRequest {
            pool: POOL.to_owned(),
            playbook: "model".to_owned(),
            version: "1.0.0".to_owned(),
            parameters: BTreeMap::new(),
            nodes: NodeSelection::Named { names: planned.iter().map(|(node, _)| name(*node)).collect() },
            rollout: self.rollout(),
            requested_by: "ops".to_owned(),
            start_before: LATE,
            change_ref: None,
            plan_only: false,
            operations: Vec::new(),
        }
    }

    fn rollout(&self) -> Rollout {
        Rollout { max_failures: IntOrPercent::Int(self.max_failures), ..Rollout::default() }
    }

    fn pages(&self, planned: &[(usize, u32)]) -> BTreeMap<u32, Page> {
        let header = Header {
            format_version: FORMAT_VERSION,
            playbook: playbook(),
            playbook_digest: "playbook".into(),
            parameters: BTreeMap::new(),
            steps: self.steps.iter().map(|kind| kind.step()).collect(),
            rollout: self.rollout(),
        };
        let nodes = planned.iter().map(|(node, batch)| self::planned(*node, *batch)).collect();
        BTreeMap::from([
            (0, Page { header: Some(header), nodes: Vec::new() }),
            (1, Page { header: None, nodes }),
        ])
    }
}

fn name(node: usize) -> NodeName {
    NODES[node].0.into()
}

/// The boot id of a machine that was started this often since the beginning.
pub fn boot(name: &NodeName, boots: u8) -> BootId {
    BootId(format!("{name}-boot-{boots}"))
}

fn node(name: &str, zone: &str) -> Node {
    let labels = [("pool", POOL), (ZONE_LABEL, zone)];
    let ready = Condition { status: "True".to_owned(), since: Some(Time(NOW.0 - 86_400_000)) };
    Node {
        name: name.into(),
        uid: format!("{name}-uid").into(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        conditions: BTreeMap::from([("Ready".to_owned(), ready)]),
        boot_id: boot(&name.into(), 0),
        ..Node::default()
    }
}

fn planned(node: usize, batch: u32) -> PlannedNode {
    let evidence =
        Evidence { check: "c".into(), fingerprint: "f".into(), message: String::new(), since: None };
    PlannedNode {
        name: name(node),
        uid: format!("{}-uid", NODES[node].0).into(),
        provider_id: None,
        evidence: vec![evidence],
        batch,
    }
}

fn run(number: usize, request: RunRequest, planned: &[(usize, u32)]) -> Run {
    let name = ["run-1", "run-2"][number.min(1)];
    let plan = PlanSummary {
        digest: "plan".into(),
        page_digests: vec!["page-0".into(), "page-1".into()],
        nodes: u32::try_from(planned.len()).unwrap_or_default(),
        batches: planned.iter().map(|(_, batch)| batch + 1).max().unwrap_or_default(),
        planned_at: NOW,
    };
    Run {
        name: name.to_owned(),
        uid: RunUid(format!("{name}-uid")),
        created: NOW,
        deleting: false,
        finalized: true,
        request,
        status: RunStatus { phase: RunPhase::Planned, plan: Some(plan), ..RunStatus::default() },
    }
}

/// Its steps are in the plan's header, filled in; the playbook itself is not looked at any more.
fn playbook() -> Playbook {
    Playbook {
        name: "model".to_owned(),
        version: "1.0.0".to_owned(),
        summary: String::new(),
        risk: Risk::Low,
        parameters: BTreeMap::new(),
        applies_to: Applies::default(),
        steps: Vec::new(),
    }
}
