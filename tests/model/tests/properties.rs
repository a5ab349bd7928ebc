//! The properties hold, and each of them is seen to fail when its rule is broken.

use std::collections::BTreeSet;

use nodemend_model::broken::Broken;
use nodemend_model::fleet::shapes;
use nodemend_model::play::play;
use nodemend_model::schedule::{Event, draw};
use nodemend_model::tally::{Tally, tally};

/// Enough for each broken rule to show, few enough for a debug build. `make properties` plays a million.
const SCHEDULES: u64 = if cfg!(debug_assertions) { 150 } else { 20_000 };

fn played(broken: Broken) -> Tally {
    let played = tally(1, SCHEDULES, 2, broken, &|_| {});
    assert_eq!(played.schedules, SCHEDULES);
    played
}

#[test]
fn nothing_goes_wrong() {
    let played = played(Broken::Nothing);
    assert!(played.is_good(), "{played:?}");
}

#[test]
fn a_budget_that_is_raised_behind_its_back_is_seen_to_be_exceeded() {
    assert!(played(Broken::Budgets).over_budget > 0);
}

#[test]
fn a_failure_limit_that_is_not_kept_is_seen() {
    assert!(played(Broken::Limits).after_limit > 0);
}

#[test]
fn a_hold_that_is_not_seen_is_seen_to_be_passed_over() {
    assert!(played(Broken::Holds).under_hold > 0);
}

#[test]
fn a_run_whose_end_is_never_written_is_seen_to_stand_still() {
    assert!(played(Broken::Ends).stuck > 0);
}

#[test]
fn schedules_are_as_large_as_they_have_to_be_and_the_same_for_the_same_seed() {
    let shapes = shapes();
    for seed in 0..20 {
        let schedule = draw(seed, &shapes);
        let nodes = shapes[schedule.shape].snapshot.nodes.values();
        let (pools, zones) =
            nodes.fold((BTreeSet::new(), BTreeSet::new()), |(mut pools, mut zones), node| {
                pools.insert(node.labels["pool"].clone());
                zones.insert(node.zone().to_owned());
                (pools, zones)
            });
        let size = (shapes[schedule.shape].nodes.len(), zones.len(), pools.len(), schedule.events.len());
        assert!(size.0 >= 20 && size.1 >= 3 && size.2 >= 2 && size.3 >= 30, "seed {seed}: {size:?}");
        let again = play(&draw(seed, &shapes), &shapes, Broken::Nothing, true);
        assert_eq!(play(&schedule, &shapes, Broken::Nothing, true), again);
    }
}

#[test]
fn every_kind_of_event_is_drawn() {
    let shapes = shapes();
    let events: Vec<Event> =
        (0..100).flat_map(|seed| draw(seed, &shapes).events).map(|(_, event)| event).collect();
    let kinds: BTreeSet<String> = events.iter().map(kind).collect();
    let wanted = [
        "Both",
        "Cordon",
        "Freeze",
        "Guard",
        "HeldEnded",
        "Hold",
        "Jump",
        "Lose",
        "NodeGone",
        "NodeJoins",
        "NodeReplaced",
        "Overtake",
        "Pool",
        "Ready",
        "Release",
        "RemediationDeleted",
        "RemediationForcedOut",
        "Restart",
        "RunAborted",
        "Thaw",
        "Uncordon",
    ];
    assert_eq!(kinds, wanted.map(str::to_owned).into());
}

fn kind(event: &Event) -> String {
    let text = match event {
        Event::World(change) => format!("{change:?}"),
        other => format!("{other:?}"),
    };
    text.split('(').next().unwrap_or_default().to_owned()
}
