//! Storms in small clusters, decided by `decide` and carried out as the planner does.

mod counting;
mod hands;

use std::collections::BTreeMap;

use super::*;
use crate::budget::Budget;
use crate::decide::{Decision, decide};
use crate::selector::Selector;
use crate::snapshot::{ApprovalFloor, Condition, Node, Snapshot};

const ZONE: &str = "topology.kubernetes.io/zone";

/// A cluster, and what time it is there.
struct Play {
    world: Snapshot,
    now: Time,
}

fn pool(name: &str) -> Pool {
    let budget = Budget::of(IntOrPercent::Int(2));
    Pool { approval: ApprovalFloor::Never, ..Pool::new(name, Selector::label("pool", name), budget) }
}

impl Play {
    /// A pool `web` with that many nodes, all of them Ready for long.
    fn new(nodes: usize) -> Self {
        let mut play = Self { world: Snapshot::default(), now: Time(1_000_000_000) };
        play.world.pools.insert("web".into(), pool("web"));
        play.add("web", nodes, None);
        play
    }

    /// Adds nodes `POOL-0`, `POOL-1` and so on that are old and Ready.
    fn add(&mut self, pool: &str, nodes: usize, zone: Option<&str>) {
        for number in 0..nodes {
            let name = format!("{pool}-{number}");
            let mut labels = BTreeMap::from([("pool".to_owned(), pool.to_owned())]);
            labels.extend(zone.map(|zone| (ZONE.to_owned(), zone.to_owned())));
            let uid = format!("uid-{name}").into();
            let node = Node { name: name.clone().into(), uid, labels, ..Node::default() };
            self.world.nodes.insert(node.name.clone(), node);
            self.ready_since(&name, "True", Time(0));
        }
    }

    fn ready_since(&mut self, node: &str, status: &str, since: Time) {
        let condition = Condition { status: status.into(), since: Some(since) };
        let node = self.world.nodes.get_mut(&node.into()).unwrap();
        node.conditions.insert("Ready".into(), condition);
    }

    /// The first `count` nodes of pool `web` become what `status` says; then the planner looks.
    fn become_(&mut self, count: usize, status: &str) {
        for number in 0..count {
            self.ready_since(&format!("web-{number}"), status, self.now);
        }
        self.look();
    }

    /// Lets time pass, minute by minute, with a look in each.
    fn pass(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.now = self.now.after(Span::minutes(1));
            self.look();
        }
    }

    /// One round of the planner; what it decided about storms.
    fn look(&mut self) -> Vec<Turn> {
        let decisions = decide(&self.world, self.now);
        let turns = decisions.into_iter().filter_map(|decision| match decision {
            Decision::Storm { pool, turn } => Some((pool, *turn)),
            _ => None,
        });
        turns.map(|(pool, turn)| self.carry_out(&pool, turn)).collect()
    }

    fn carry_out(&mut self, pool: &str, turn: Turn) -> Turn {
        match &turn.hold {
            HoldChange::Keep => {}
            HoldChange::Make(hold) => drop(self.world.holds.insert(hold.name.clone(), (**hold).clone())),
            HoldChange::Lift => drop(self.world.holds.remove(&hold_name(pool))),
        }
        if let Some(pool) = self.world.pools.get_mut(pool) {
            pool.storm_state = turn.state.clone();
        }
        turn
    }

    fn hold(&self) -> Option<&Hold> {
        self.world.holds.get("storm-web")
    }

    fn state(&self) -> Option<&StormState> {
        self.world.pools["web"].storm_state.as_ref()
    }

    fn message(&self) -> &str {
        self.hold().and_then(|hold| hold.message.as_deref()).unwrap_or("no Hold")
    }
}

#[test]
fn a_storm_makes_a_hold_that_says_what_was_seen() {
    let mut play = Play::new(20);
    play.become_(6, "False");
    assert_eq!(play.message(), "no Hold", "30% of 20 may be");
    play.become_(7, "Unknown");
    assert_eq!(play.message(), "7 of 20 nodes of pool web not Ready, 6 may be");
    let hold = play.hold().unwrap();
    assert_eq!((hold.held_by.as_str(), hold.reason.as_str(), hold.until), ("nodemend", "Storm", None));
    assert!(is_storm(hold) && hold.scope == HoldScope::Pool { name: "web".into() });
    assert!(play.look().is_empty(), "one Hold, once");
}

#[test]
fn the_hold_goes_when_it_has_been_calm_for_long_enough_and_not_before() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    play.pass(60);
    assert!(play.hold().is_some(), "the storm goes on");
    play.become_(10, "True");
    // They count as flapping for five minutes, then it has to be calm for ten.
    play.pass(14);
    assert!(play.hold().is_some() && play.state().is_some());
    play.pass(1);
    assert_eq!((play.hold(), play.state()), (None, None));
    play.become_(10, "False");
    assert!(play.hold().is_some(), "armed again");
}

#[test]
fn a_second_storm_while_it_is_calm_keeps_the_hold_and_starts_the_calm_anew() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    let since = play.state().unwrap().since;
    play.become_(10, "True");
    play.pass(12);
    assert!(play.state().unwrap().calm_since.is_some());
    play.become_(8, "False");
    assert!(play.hold().is_some() && play.state().unwrap().calm_since.is_none());
    assert_eq!(play.state().unwrap().since, since, "one storm, with a pause");
    play.become_(8, "True");
    play.pass(14);
    assert!(play.hold().is_some(), "the calm of before does not count");
    play.pass(1);
    assert_eq!((play.hold(), play.state()), (None, None));
}

#[test]
fn a_storm_that_begins_and_ends_between_two_looks_of_calm_is_one_storm() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    for _ in 0..6 {
        play.become_(10, "True");
        play.pass(8);
        play.become_(10, "False");
        play.pass(1);
        assert!(play.hold().is_some(), "a pool that flaps is never calm for ten minutes");
    }
}

#[test]
fn checks_that_are_admitted_pass_the_storm_hold_of_their_pool_and_no_other() {
    let mut play = Play::new(20);
    play.world.pools.get_mut("web").unwrap().storm.admit_checks = vec!["systemd".into()];
    play.become_(10, "False");
    let (web, storm) = (&play.world.pools["web"], play.hold().unwrap());
    let checks = |names: &[&str]| names.iter().map(|name| CheckId::from(*name)).collect::<Vec<_>>();
    assert!(admits(web, storm, checks(&["disk", "systemd"]).iter()));
    assert!(!admits(web, storm, checks(&["disk"]).iter()));
    assert!(!admits(web, storm, checks(&[]).iter()));
    assert!(!admits(&Pool { name: "db".into(), ..web.clone() }, storm, checks(&["systemd"]).iter()));
    let by_hand = Hold { held_by: "ann".into(), ..storm.clone() };
    assert!(!admits(web, &by_hand, checks(&["systemd"]).iter()), "a person's Hold admits nothing");
}
