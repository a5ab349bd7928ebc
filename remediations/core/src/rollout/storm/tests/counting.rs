//! Which nodes count, in which place, and against which limit.

use super::*;
use crate::budget::Grant;
use crate::saga::{Journal, Mode, Outcome};
use crate::snapshot::{Guard, Remediation};

/// Whether it is a storm for pool `web` when the first `not_ready` of its nodes are not Ready.
fn is_storm_with(nodes: usize, not_ready: usize) -> bool {
    let mut play = Play::new(nodes);
    play.become_(not_ready, "False");
    play.hold().is_some()
}

#[test]
fn small_pools_need_three_nodes_and_large_ones_more_than_their_share() {
    assert!(!is_storm_with(3, 2) && !is_storm_with(4, 2) && is_storm_with(4, 3));
    assert!(is_storm_with(6, 3), "half of a small pool");
    assert!(!is_storm_with(10, 3) && is_storm_with(10, 4));
    assert!(!is_storm_with(20, 6) && is_storm_with(20, 7));
}

#[test]
fn cordons_and_findings_are_no_storm_and_a_node_that_says_nothing_is() {
    let mut play = Play::new(6);
    for node in play.world.nodes.values_mut() {
        node.unschedulable = true;
    }
    assert!(play.look().is_empty());
    for node in play.world.nodes.values_mut().take(3) {
        node.conditions.clear();
    }
    play.look();
    assert!(play.hold().is_some(), "no Ready condition is not Ready");
}

#[test]
fn a_node_that_came_back_a_moment_ago_counts_and_a_new_one_does_not() {
    let mut play = Play::new(10);
    play.become_(4, "True");
    assert_eq!(
        play.message(),
        "4 of 10 nodes of pool web not Ready (4 of them Ready again for less than 5m), 3 may be"
    );
    let mut play = Play::new(10);
    for node in play.world.nodes.values_mut() {
        node.created = play.now.before(Span::minutes(1));
    }
    play.become_(10, "True");
    assert!(play.hold().is_none(), "they are Ready for the first time");
}

#[test]
fn a_zone_concerns_every_pool_with_nodes_in_it_and_no_other() {
    let mut play = Play::new(0);
    for (name, zone, nodes) in [("web", "a", 12), ("db", "a", 8), ("far", "b", 20)] {
        play.world.pools.insert(name.into(), pool(name));
        play.add(name, nodes, Some(zone));
    }
    for number in 0..7 {
        play.ready_since(&format!("db-{number}"), "False", play.now);
    }
    play.look();
    assert_eq!(play.message(), "7 of 20 nodes of zone a not Ready, 6 may be");
    let names: Vec<_> = play.world.holds.keys().cloned().collect();
    assert_eq!(names, ["storm-db", "storm-web"]);
    let of_both = "7 of 8 nodes of pool db not Ready, 2 may be; 7 of 20 nodes of zone a not Ready, 6 may be";
    assert_eq!(play.world.holds["storm-db"].message.as_deref(), Some(of_both));
}

#[test]
fn a_node_that_we_hold_a_grant_for_does_not_count_until_its_deadline() {
    let mut play = Play::new(10);
    let at = play.now;
    let grants = (0..4).map(|number| Grant {
        zone: None,
        remediation: format!("r-{number}"),
        node_uid: format!("uid-web-{number}").into(),
        node: format!("web-{number}"),
        pool: "web".into(),
        run_uid: "run".into(),
        at,
    });
    // What Held Remediations keep; `decide` gives back grants without one.
    for grant in grants.clone() {
        let journal = Journal { mode: Mode::Held, ..Journal::default() };
        add_remediation(&mut play, &grant.remediation, grant.node_uid.as_str(), journal);
    }
    play.world.guard = Some(Guard { epoch: 1, grants: grants.collect(), ..Guard::default() });
    play.become_(4, "False");
    play.pass(44);
    assert!(play.hold().is_none(), "they are away because of us");
    play.pass(1);
    assert!(play.hold().is_some(), "that takes too long");
}

#[test]
fn a_node_that_was_repaired_a_moment_ago_does_not_count_as_flapping() {
    let mut play = Play::new(10);
    let journal = Journal {
        mode: Mode::Finished,
        outcome: Some(Outcome::Repaired),
        finished_at: Some(play.now),
        ..Journal::default()
    };
    for number in 0..4 {
        let uid = format!("uid-web-{number}");
        add_remediation(&mut play, &format!("r-{number}"), &uid, journal.clone());
    }
    play.become_(4, "True");
    assert!(play.hold().is_none());
    play.world.remediations.clear();
    play.look();
    assert!(play.hold().is_some(), "the same without our repairs");
}

fn add_remediation(play: &mut Play, name: &str, node: &str, journal: Journal) {
    let remediation = Remediation {
        deleting: false,
        checks: Vec::new(),
        name: name.into(),
        uid: format!("uid-{name}"),
        run: "run".into(),
        run_uid: "run".into(),
        pool: "web".into(),
        node: node.into(),
        node_uid: node.into(),
        journal: Some(journal),
    };
    play.world.remediations.insert(name.into(), remediation);
}

#[test]
fn when_no_node_at_all_is_ready_it_may_be_us_and_nothing_changes() {
    let mut play = Play::new(10);
    play.become_(10, "Unknown");
    assert!(blind(&play.world) && play.hold().is_none());
    play.become_(9, "Unknown");
    play.ready_since("web-9", "True", Time(0));
    play.look();
    assert!(!blind(&play.world) && play.hold().is_some(), "one that is Ready shows that we see");
    play.pass(30);
    let state = play.state().cloned();
    play.become_(10, "Unknown");
    play.pass(60);
    assert_eq!((play.state().cloned(), play.hold().is_some()), (state, true), "nor is anything lifted");
    let mut alone = Play::new(1);
    alone.become_(1, "False");
    assert!(!blind(&alone.world), "a single node that is not Ready is one to repair");
}

#[test]
fn a_limit_of_all_nodes_switches_the_breaker_off_and_one_that_cannot_be_read_closes_it() {
    let mut play = Play::new(10);
    let limit = |play: &mut Play, text: &str| {
        play.world.pools.get_mut("web").unwrap().storm.max_not_ready = IntOrPercent::Percent(text.into());
    };
    limit(&mut play, "100%");
    play.become_(9, "False");
    assert!(play.hold().is_none());
    limit(&mut play, "many");
    play.look();
    assert!(play.message().starts_with("spec.storm.maxNotReady: `many` is neither"), "{}", play.message());
}
