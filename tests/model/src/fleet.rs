//! The clusters that schedules happen to: twenty nodes and more, three zones, two pools, two or three runs.
//!
//! Making a plan costs more than playing it, so that each shape is planned once and copied for every schedule.

use std::collections::BTreeMap;

use nodemend_core::actions::{Cordon, Do, Uncordon};
use nodemend_core::budget::{Budget, IntOrPercent};
use nodemend_core::decide::{Decision, decide};
use nodemend_core::ids::NodeName;
use nodemend_core::playbook::{Applies, Phase, Playbook, Risk, Step};
use nodemend_core::rollout::{Canary, Rollout};
use nodemend_core::selector::Selector;
use nodemend_core::sim::{Random, Settings, World};
use nodemend_core::snapshot::{
    ApprovalFloor, Condition, Guard, Node, NodeSelection, Pool, RunRequest, Snapshot, ZONE_LABEL,
};
use nodemend_core::time::{Span, Time};

/// The two pools.
pub const POOLS: [&str; 2] = ["web", "db"];
/// When every schedule begins.
pub const START: Time = Time(1_000_000_000_000);
/// The label that pools select by.
pub const POOL_LABEL: &str = "pool";
/// How many shapes there are.
const SHAPES: usize = 24;

/// A planned cluster, and what its runs may lose.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The cluster.
    pub snapshot: Snapshot,
    /// The names of its nodes.
    pub nodes: Vec<NodeName>,
    /// The names of its runs.
    pub runs: Vec<String>,
    /// How its runs spread, by name.
    pub rollouts: BTreeMap<String, Rollout>,
}

/// All shapes.
pub fn shapes() -> Vec<Shape> {
    (0..SHAPES as u64).map(|number| shape(&mut Random::new(number))).collect()
}

fn shape(random: &mut Random) -> Shape {
    let count = 20 + small(random, 5);
    let mut snapshot =
        Snapshot { guard: Some(Guard { epoch: 1, ..Guard::default() }), ..Snapshot::default() };
    for pool in POOLS {
        snapshot.pools.insert(pool.to_owned(), self::pool(pool));
    }
    for number in 0..count {
        let node = node(&format!("n{number:02}"), usize::from(number % 5 > 2), number);
        snapshot.nodes.insert(node.name.clone(), node);
    }
    let playbook = playbook();
    snapshot.playbooks.insert(playbook.object_name(), playbook);
    let mut world = World::new(snapshot, START, Settings::default());
    for (run, pool) in
        [("web-1", 0), ("db-1", 1), ("web-2", 0)].into_iter().take(2 + usize::from(random.happens(400_000)))
    {
        let request = request(&world.snapshot, pool, random);
        world.create_run(run, request);
    }
    plan(&mut world);
    let mut snapshot = world.snapshot;
    snapshot.playbooks.clear();
    let rollouts = snapshot.runs.values().map(|run| (run.name.clone(), run.request.rollout.clone()));
    Shape {
        nodes: snapshot.nodes.keys().cloned().collect(),
        runs: snapshot.runs.keys().cloned().collect(),
        rollouts: rollouts.collect(),
        snapshot,
    }
}

/// Has the shipped code plan every run, with no time left for anything else.
fn plan(world: &mut World) {
    for decision in decide(&world.snapshot, START) {
        if matches!(decision, Decision::WritePlan { .. }) {
            world.carry_out(decision);
        }
    }
}

/// A run over most nodes of a pool.
fn request(snapshot: &Snapshot, pool: usize, random: &mut Random) -> RunRequest {
    let of_pool = snapshot.nodes.values().filter(|node| node.labels[POOL_LABEL] == POOLS[pool]);
    let names: Vec<NodeName> =
        of_pool.map(|node| node.name.clone()).filter(|_| random.happens(750_000)).collect();
    let sizes = [vec![], vec![1], vec![1, 2], vec![2], vec![1, 3, 5], vec![4]];
    let sizes = random.pick(&sizes).cloned().unwrap_or_default();
    RunRequest {
        pool: POOLS[pool].to_owned(),
        playbook: "model".to_owned(),
        version: "1.0.0".to_owned(),
        parameters: BTreeMap::new(),
        nodes: NodeSelection::Named { names },
        rollout: rollout(sizes, random),
        requested_by: "ops".to_owned(),
        start_before: START.after(Span::minutes(24 * 60)),
        change_ref: None,
        plan_only: false,
        operations: Vec::new(),
    }
}

fn rollout(sizes: Vec<u32>, random: &mut Random) -> Rollout {
    let soak = Span::minutes(3);
    Rollout {
        batches: sizes.into_iter().map(IntOrPercent::Int).collect(),
        max_failures: IntOrPercent::Int(small(random, 3)),
        max_consecutive_failures: random.happens(200_000).then_some(1),
        canary: random.happens(200_000).then_some(Canary { nodes: IntOrPercent::Int(1), soak }),
        soak: random.happens(200_000).then_some(soak),
        ..Rollout::default()
    }
}

/// A node that serves, of the pool with this index.
pub fn node(name: &str, pool: usize, number: u32) -> Node {
    let zone = ["a", "b", "c"][number as usize % 3];
    let labels = [(POOL_LABEL, POOLS[pool]), (ZONE_LABEL, zone)];
    let condition = Condition { status: "True".to_owned(), since: Some(START) };
    Node {
        name: name.into(),
        uid: format!("{name}-u{number}").into(),
        labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        conditions: BTreeMap::from([("Ready".to_owned(), condition)]),
        ..Node::default()
    }
}

fn pool(name: &str) -> Pool {
    Pool {
        approval: ApprovalFloor::Never,
        ..Pool::new(name, Selector::label(POOL_LABEL, name), Budget::of(IntOrPercent::Int(2)))
    }
}

fn playbook() -> Playbook {
    let step =
        |name: &str, phase, action| Step { name: name.to_owned(), phase, action, timeout: None, undo: None };
    Playbook {
        name: "model".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "takes a node out of service and back".to_owned(),
        risk: Risk::Low,
        parameters: BTreeMap::new(),
        applies_to: Applies::default(),
        steps: vec![
            step("cordon", Phase::Disrupt, Do::Cordon(Cordon {})),
            step("uncordon", Phase::Release, Do::Uncordon(Uncordon {})),
        ],
    }
}

/// A number from 0 to `bound`, which it does not reach.
pub fn small(random: &mut Random, bound: u32) -> u32 {
    u32::try_from(random.below(u64::from(bound))).unwrap_or(0)
}
