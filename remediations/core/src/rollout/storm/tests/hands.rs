//! People, restarts and caches: Holds that are released, found again, or not seen yet.

use super::*;

#[test]
fn a_hold_that_a_person_released_is_not_made_again_before_the_storm_is_over() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    play.world.holds.clear();
    play.pass(30);
    assert!(play.hold().is_none() && play.state().unwrap().overridden);
    play.become_(10, "True");
    play.pass(14);
    assert!(play.state().unwrap().overridden, "the storm is not over yet");
    play.become_(9, "False");
    play.pass(30);
    assert!(play.hold().is_none(), "still the storm that the person knows");
    play.become_(10, "True");
    play.pass(15);
    assert_eq!(play.state(), None);
    play.become_(10, "False");
    assert!(play.hold().is_some(), "another storm");
}

#[test]
fn a_hold_that_a_person_released_in_the_calm_does_not_come_back_with_a_second_storm() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    play.become_(10, "True");
    play.pass(12);
    play.world.holds.clear();
    play.look();
    assert!(play.state().unwrap().overridden && play.state().unwrap().calm_since.is_some());
    play.become_(10, "False");
    assert!(play.hold().is_none());
    play.become_(10, "True");
    play.pass(15);
    assert_eq!((play.hold(), play.state()), (None, None));
}

#[test]
fn a_hold_without_a_state_is_one_whose_write_was_cut_off() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    let before = play.state().cloned();
    play.world.pools.get_mut("web").unwrap().storm_state = None;
    let turns = play.look();
    assert!(turns.iter().all(|turn| turn.hold == HoldChange::Keep), "{turns:?}");
    assert_eq!(play.state().cloned(), before);
    // The same, but the storm has gone meanwhile: it still has to be calm for as long.
    play.become_(10, "True");
    play.pass(5);
    play.world.pools.get_mut("web").unwrap().storm_state = None;
    play.pass(10);
    assert!(play.hold().is_some());
    play.pass(1);
    assert_eq!((play.hold(), play.state()), (None, None));
}

#[test]
fn somebody_elses_hold_under_that_name_is_not_the_breakers() {
    let mut play = Play::new(20);
    let mut theirs = hold("web", "", play.now);
    theirs.held_by = "ann".into();
    play.world.holds.insert(theirs.name.clone(), theirs);
    let turns = play.look();
    assert!(turns.is_empty(), "neither adopted nor lifted: {turns:?}");
}

#[test]
fn the_hold_of_a_pool_that_is_gone_is_lifted_unless_the_pool_cannot_be_read() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    play.world.pools.clear();
    play.world.undecodable.insert("repairpool/web".into(), "bad".into());
    assert!(play.look().is_empty() && play.hold().is_some());
    play.world.undecodable.clear();
    play.look();
    assert!(play.hold().is_none());
}

#[test]
fn a_hold_that_cannot_be_read_is_not_taken_for_released() {
    let mut play = Play::new(20);
    play.become_(10, "False");
    play.world.holds.clear();
    play.world.undecodable.insert("hold/storm-web".into(), "bad".into());
    assert!(play.look().is_empty());
    assert!(!play.state().unwrap().overridden);
}

#[test]
fn names_of_holds_fit_and_do_not_run_into_each_other() {
    let long = |end: &str| format!("{}{end}", "p".repeat(245));
    assert_eq!(hold_name("web"), "storm-web");
    assert!(hold_name(&long("a")).len() <= 253 && hold_name(&long("a")) != hold_name(&long("b")));
}
