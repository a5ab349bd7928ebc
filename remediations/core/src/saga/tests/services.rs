//! A service that is restarted leaves nothing on the host: what fails ends free for the next playbook, unless nobody
//! can know whether it goes on.

use proptest::prelude::*;

use super::properties::luck;
use super::world::{World, abort, hold};
use crate::saga::{Mode, Outcome, StepState};
use crate::time::Span;

/// The node carries no mark of ours and serves.
fn is_free(world: &World) -> bool {
    !world.host.unschedulable && world.host.mark.is_none() && !world.host.told
}

#[test]
fn a_service_is_restarted_without_a_cordon() {
    let mut world = World::of_service(false);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Repaired), "Verified"));
    assert_eq!((&world.host.sent[..], is_free(&world)), (&["restart"][..], true));
}

#[test]
fn a_restart_that_failed_or_did_not_help_leaves_the_node_free() {
    for cordoned in [false, true] {
        let (mut refused, mut useless) = (World::of_service(cordoned), World::of_service(cordoned));
        refused.host.pid1_hangs = true;
        useless.host.verification_fails = true;
        for (mut world, reason) in [(refused, "ManagerSilent"), (useless, "VerificationFailed")] {
            world.run(&[]);
            assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), reason), "{:?}", world.stored);
            assert!(is_free(&world), "{reason}: {:?}", world.host);
        }
    }
}

#[test]
fn a_restart_whose_end_nobody_saw_holds_the_node() {
    let (mut lost, mut endless) = (World::of_service(false), World::of_service(false));
    lost.host.loses_jobs = true;
    endless.host.restart_takes = Span::minutes(60);
    for (mut world, reason) in [(lost, "JobLost"), (endless, "StepTimedOut")] {
        world.run(&[]);
        assert_eq!(world.end(), (Mode::Held, None, reason));
        assert_eq!(world.stored.step("restart").unwrap().state, StepState::Indeterminate);
        assert!(world.host.told);
    }
}

#[test]
fn a_stop_after_the_restart_gives_the_node_back_and_looks_again_when_it_is_lifted() {
    let mut world = World::of_service(true);
    world.run_to("restart");
    world.stop = Some(hold());
    for _ in 0..20 {
        world.look(super::world::Luck::Fine);
    }
    assert!(is_free(&world) && world.stored.outcome.is_none(), "{:?}", world.stored);
    world.stop = None;
    world.run(&[]);
    // The restart had cured it: nothing is left to repair, and nothing is restarted again.
    assert_eq!((world.stored.outcome, world.host.restarts), (Some(Outcome::Cleared), 1));
}

#[test]
fn an_abort_after_the_restart_leaves_the_node_free() {
    let mut world = World::of_service(true);
    world.run_to("restart");
    world.stop = Some(abort());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Skipped), "Aborted"));
    assert!(is_free(&world));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// SAFETY 1, for a service.
    #[test]
    fn no_service_is_restarted_twice_and_nothing_is_left_behind(luck in luck(), cordoned: bool) {
        let mut world = World::of_service(cordoned);
        world.run(&luck);
        prop_assert!(world.host.restarts <= 1, "{:?}", world.host.sent);
        if world.stored.outcome == Some(Outcome::Repaired) {
            prop_assert_eq!(world.host.restarts, 1);
        } else {
            prop_assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "JobNeverStarted"));
        }
        prop_assert!(is_free(&world));
    }
}
