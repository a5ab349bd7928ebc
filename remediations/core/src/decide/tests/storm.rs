//! What a storm does to the runs of the round in which it is seen.

use super::*;

fn storm(world: &mut Snapshot) {
    for name in ["a", "b", "c"] {
        world.nodes.insert(name.into(), node(name, "False"));
    }
}

#[test]
fn a_storm_is_held_before_anything_starts() {
    let mut world = world();
    planned(&mut world);
    storm(&mut world);
    let pool = pool(&mut world);
    let breaker = std::mem::take(&mut pool.storm);
    pool.storm.max_not_ready = IntOrPercent::Percent("100%".into());
    assert!(!granted(&world).is_empty(), "without the breaker broken nodes are repaired");
    world.pools.get_mut("web").unwrap().storm = breaker;
    assert!(granted(&world).is_empty());
    let held = find(&world, |decision| matches!(decision, Decision::Storm { .. }));
    assert!(held.is_some_and(|decision| matches!(decision, Decision::Storm { pool, .. } if pool == "web")));
}

#[test]
fn a_run_says_which_storm_hold_it_waits_for() {
    let mut world = world();
    planned(&mut world);
    storm(&mut world);
    let status = find(&world, |decision| matches!(decision, Decision::RunStatus { .. }));
    let Some(Decision::RunStatus { status, .. }) = status else { panic!("no status") };
    let blocker = &status.blockers[0];
    assert_eq!((blocker.reason.as_str(), blocker.object.as_str()), ("Hold", "hold/storm-web"));
}

#[test]
fn a_storm_counts_though_somebody_else_took_the_name_of_its_hold() {
    let mut world = world();
    planned(&mut world);
    held(&mut world, HoldScope::Node { name: "elsewhere".into() });
    let mut theirs = world.holds.remove("h").unwrap();
    theirs.name = "storm-web".into();
    world.holds.insert(theirs.name.clone(), theirs);
    assert!(!granted(&world).is_empty(), "it stops nothing here");
    storm(&mut world);
    assert!(granted(&world).is_empty());
}
