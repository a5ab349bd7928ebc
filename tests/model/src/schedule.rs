//! What happens to a cluster, drawn from a seed: at least thirty things over two hours.

use nodemend_core::budget::{Budget, IntOrPercent, Rate, ZoneBudget};
use nodemend_core::ids::NodeName;
use nodemend_core::sim::{Change, Random, Settings};
use nodemend_core::snapshot::{Guard, Hold, HoldLevel, HoldScope};
use nodemend_core::time::{Span, Time};

use crate::fleet::{POOLS, START, Shape, node, small};

/// How many things happen at least.
const EVENTS: u32 = 30;
/// In how many seconds they happen.
const SECONDS: u64 = 2 * 60 * 60;

/// One schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What everything was drawn from.
    pub seed: u64,
    /// Which shape its cluster has.
    pub shape: usize,
    /// The budgets of the two pools at the beginning.
    pub budgets: [Budget; 2],
    /// The guard's budget at the beginning.
    pub cluster: Option<Budget>,
    /// What repairs are like.
    pub settings: Settings,
    /// What happens when, in order.
    pub events: Vec<(Time, Event)>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// To the cluster.
    World(Change),
    /// A controller dies, and another process takes its place: it knows nothing but what is stored.
    Restart(usize),
    /// A controller's caches stand still from now on.
    Freeze(usize),
    /// A controller's caches are up to date again.
    Thaw(usize),
    /// A controller's clock jumps by so many seconds.
    Jump(usize, i64),
    /// In a controller's next round a write is lost, or all after some point are.
    Lose(usize, Loss),
    /// Both controllers decide and write at once.
    Both,
    /// One controller takes over between another's live reads and its writes.
    Overtake,
}

/// Which writes of a round are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The one at this place.
    One(usize),
    /// The grants, after the Remediations were created.
    Grants,
    /// The grants of the pool, after those of the guard.
    PoolGrants,
}

/// Draws the schedule of `seed`.
pub fn draw(seed: u64, shapes: &[Shape]) -> Schedule {
    let mut random = Random::new(seed);
    let index = usize::try_from(random.below(shapes.len() as u64)).unwrap_or(0);
    let settings = Settings {
        seed,
        node_time: Span::minutes(10),
        spread: 50,
        failures: [0, 50_000, 300_000][small(&mut random, 3) as usize],
        helds: [0, 0, 100_000][small(&mut random, 3) as usize],
    };
    let budgets = [budget(&mut random), budget(&mut random)];
    let cluster = random.happens(500_000).then(|| budget(&mut random));
    let count = EVENTS + small(&mut random, 6);
    let mut events: Vec<_> = (0..count)
        .map(|number| {
            let at = START.after(Span::seconds(i64::try_from(random.below(SECONDS)).unwrap_or(0)));
            (at, event(&mut random, &shapes[index], number))
        })
        .collect();
    events.sort_by_key(|(at, _)| *at);
    Schedule { seed, shape: index, budgets, cluster, settings, events }
}

fn budget(random: &mut Random) -> Budget {
    let share = |random: &mut Random| {
        if random.happens(300_000) {
            IntOrPercent::Percent(format!("{}%", small(random, 50)))
        } else {
            IntOrPercent::Int(small(random, 5))
        }
    };
    Budget {
        max_unavailable: share(random),
        max_in_flight: random.happens(400_000).then(|| share(random)),
        per_zone: random.happens(300_000).then(|| ZoneBudget {
            max_unavailable: share(random),
            max_in_flight: random.happens(300_000).then(|| share(random)),
        }),
        rate: random.happens(200_000).then(|| Rate { nodes: 1 + small(random, 3), per: Span::minutes(15) }),
    }
}

fn event(random: &mut Random, shape: &Shape, number: u32) -> Event {
    let who = usize::from(random.happens(300_000));
    match random.below(100) {
        0..64 => Event::World(change(random, shape, number)),
        64..70 => Event::Restart(who),
        70..77 => Event::Freeze(who),
        77..82 => Event::Thaw(who),
        82..86 => Event::Jump(who, i64::try_from(random.below(7200)).unwrap_or(0) - 3600),
        86..92 => Event::Lose(who, loss(random)),
        92..96 => Event::Both,
        _ => Event::Overtake,
    }
}

fn loss(random: &mut Random) -> Loss {
    match random.below(4) {
        0 => Loss::Grants,
        1 => Loss::PoolGrants,
        _ => Loss::One(small(random, 4) as usize),
    }
}

fn change(random: &mut Random, shape: &Shape, number: u32) -> Change {
    let any = |random: &mut Random| random.pick(&shape.nodes).cloned().unwrap_or_default();
    match random.below(100) {
        0..18 => Change::Ready(any(random), if random.happens(500_000) { "False" } else { "Unknown" }),
        18..30 => Change::Ready(any(random), "True"),
        30..36 => Change::NodeReplaced(any(random)),
        36..40 => Change::NodeGone(any(random)),
        40..46 => joins(random, shape, number),
        46..53 => Change::Cordon(any(random)),
        53..62 => Change::Uncordon(any(random)),
        62..72 => Change::Hold(Box::new(hold(random, shape, number))),
        72..80 => Change::Release(format!("h{}", random.below(u64::from(number) + 1))),
        80..84 => Change::RemediationDeleted(any(random)),
        84..86 => Change::RemediationForcedOut(any(random)),
        86..92 => Change::HeldEnded(any(random)),
        92..93 => Change::RunAborted(random.pick(&shape.runs).cloned().unwrap_or_default()),
        93..97 => Change::Guard(random.happens(900_000).then(|| {
            Box::new(Guard { budget: random.happens(500_000).then(|| budget(random)), ..Guard::default() })
        })),
        _ => pool_changed(random, shape),
    }
}

/// A node of a new name, or again one that may have gone.
fn joins(random: &mut Random, shape: &Shape, number: u32) -> Change {
    let pool = small(random, 2) as usize;
    let name = if random.happens(500_000) {
        random.pick(&shape.nodes).cloned().unwrap_or_default()
    } else {
        NodeName(format!("x{number}"))
    };
    Change::NodeJoins(Box::new(node(name.as_str(), pool, 100 + number)))
}

fn pool_changed(random: &mut Random, shape: &Shape) -> Change {
    let name = POOLS[small(random, 2) as usize];
    let mut pool = shape.snapshot.pools[name].clone();
    pool.budget = budget(random);
    Change::Pool(Box::new(pool))
}

fn hold(random: &mut Random, shape: &Shape, number: u32) -> Hold {
    let pool = || POOLS[number as usize % 2].to_owned();
    let scope = match random.below(6) {
        0 => HoldScope::Cluster {},
        1 => HoldScope::Pool { name: pool() },
        2 => HoldScope::Run { name: random.pick(&shape.runs).cloned().unwrap_or_default() },
        3 => HoldScope::Playbook { name: "model".to_owned(), pool: pool() },
        _ => HoldScope::Node { name: random.pick(&shape.nodes).cloned().unwrap_or_default().0 },
    };
    let until = random
        .happens(300_000)
        .then(|| START.after(Span::seconds(i64::try_from(random.below(SECONDS)).unwrap_or(0))));
    let (held_by, reason) = ("ops".to_owned(), "drawn".to_owned());
    let level = if random.happens(300_000) { HoldLevel::Pause } else { HoldLevel::Stop };
    Hold { name: format!("h{number}"), scope, held_by, reason, message: None, level, until, created: START }
}
