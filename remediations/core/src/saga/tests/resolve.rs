//! A person says what became of a step that nobody else can know, and the saga goes on as if it had seen that.

use super::world::{BEFORE, Luck, TARGET, World};
use crate::saga::{Mode, Outcome, StepState};
use crate::snapshot::{Operation, Resolution, Verb};
use crate::time::Span;

use Resolution::{Failed, Succeeded};

impl World {
    fn say(&mut self, step: &str, outcome: Resolution) {
        let id = format!("resolve-{}", self.resolutions.len());
        self.resolutions.push(Operation {
            id,
            verb: Verb::Resolve,
            target: Some("n".into()),
            step: Some(step.to_owned()),
            outcome: Some(outcome),
            reason: "looked at it".to_owned(),
            by: "ann".to_owned(),
        });
    }
}

fn state(world: &World, step: &str) -> StepState {
    world.stored.step(step).unwrap().state
}

/// A world whose transaction was done and whose end nobody saw.
fn lost_install() -> World {
    let mut world = World::undoable();
    world.run_to("install");
    world.host.loses_jobs = true;
    world.run(&[]);
    assert_eq!((world.stored.mode, state(&world, "install")), (Mode::Held, StepState::Indeterminate));
    world.host.loses_jobs = false;
    world
}

/// A world whose undo found no way back.
fn failed_undo() -> World {
    let mut world = World::undoable();
    (world.host.verification_fails, world.host.version_is_gone) = (true, true);
    world.run(&[]);
    assert_eq!((world.stored.mode, state(&world, "install")), (Mode::Held, StepState::UndoFailed));
    world
}

/// Looks until something is heeded, then until it is over or held again.
fn go_on(world: &mut World) {
    let heeded = world.stored.operations.len();
    for _ in 0..50 {
        if world.stored.operations.len() > heeded {
            return world.run(&[]);
        }
        world.look(Luck::Fine);
    }
    panic!("nothing is heeded: {:?}", world.stored);
}

#[test]
fn the_node_says_what_has_to_be_found_out_and_told() {
    for (world, step) in [(lost_install(), "install"), (failed_undo(), "install")] {
        let next = &world.stored.blockers[0].next;
        assert!(
            next.contains(&format!("nodemend resolve run --node n --step {step} --as succeeded")),
            "{next}"
        );
    }
}

#[test]
fn a_step_that_is_said_to_be_done_is_not_done_again() {
    let mut world = lost_install();
    world.say("install", Succeeded);
    go_on(&mut world);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Repaired), "Verified"));
    assert_eq!((world.host.installs, world.host.reboots), (1, 1));
    assert!(!world.host.told && !world.host.unschedulable);
    assert!(
        world.stored.step("install").unwrap().message.as_deref().unwrap().contains("said by ann: looked")
    );
}

#[test]
fn a_step_that_is_said_to_have_failed_is_undone_or_leaves_the_node_held() {
    let mut undone = lost_install();
    let mut kept = lost_install();
    kept.brief.steps.iter_mut().for_each(|step| step.undo = None);
    for world in [&mut undone, &mut kept] {
        world.say("install", Failed);
        go_on(world);
    }
    assert_eq!(undone.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert_eq!((&undone.host.installed[..], undone.host.put_back), (BEFORE, 1));
    assert_eq!(kept.end(), (Mode::Held, None, "JobLost"));
    assert_eq!((&kept.host.installed[..], state(&kept, "install")), (TARGET, StepState::Failed));
}

#[test]
fn a_restart_that_is_said_to_be_done_waits_for_the_boot_that_there_is() {
    let mut world = World::undoable();
    world.run_to("reboot");
    world.host.loses_jobs = true;
    world.run(&[]);
    assert_eq!(state(&world, "reboot"), StepState::Indeterminate);
    world.host.loses_jobs = false;
    world.say("reboot", Succeeded);
    go_on(&mut world);
    assert_eq!((world.stored.outcome, world.host.reboots), (Some(Outcome::Repaired), 1));
}

#[test]
fn a_machine_that_was_restarted_meanwhile_is_no_takeover() {
    let mut world = lost_install();
    world.host.boots += 1;
    world.say("install", Succeeded);
    go_on(&mut world);
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
}

#[test]
fn what_was_put_back_by_hand_ends_the_undo() {
    let mut world = failed_undo();
    BEFORE.clone_into(&mut world.host.installed);
    world.say("install", Succeeded);
    go_on(&mut world);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert_eq!((&world.host.running[..], world.host.reboots), (BEFORE, 2), "what runs is what is installed");
    let message = world.stored.message.as_deref().unwrap();
    assert!(message.starts_with("rolled back (install, reboot): step verify failed"), "{message}");
}

#[test]
fn an_undo_is_tried_again_each_time_somebody_says_so_and_not_more_often() {
    let mut world = failed_undo();
    let tried = |world: &World| world.host.sent.iter().filter(|sent| **sent == "undo").count();
    for tries in 2..4 {
        world.say("install", Failed);
        go_on(&mut world);
        assert_eq!(world.end(), (Mode::Held, None, "UndoFailed"));
        for _ in 0..20 {
            world.look(Luck::Fine);
        }
        assert_eq!(tried(&world), tries);
    }
    world.host.version_is_gone = false;
    world.say("install", Failed);
    go_on(&mut world);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert_eq!((&world.host.installed[..], &world.host.running[..]), (BEFORE, BEFORE));
}

#[test]
fn what_was_said_before_or_about_another_step_changes_nothing() {
    let mut world = World::undoable();
    world.run_to("install");
    world.say("install", Failed);
    world.host.loses_jobs = true;
    world.run(&[]);
    world.host.loses_jobs = false;
    world.say("reboot", Succeeded);
    world.say("no-such-step", Succeeded);
    for _ in 0..30 {
        world.look(Luck::Fine);
    }
    assert_eq!((world.stored.mode, state(&world, "install")), (Mode::Held, StepState::Indeterminate));
    assert_eq!(world.host.reboots, 0);
}

#[test]
fn a_controller_that_dies_heeds_what_was_said_once() {
    for crash in 0..12 {
        let mut world = failed_undo();
        world.say("install", Failed);
        for look in 0..40 {
            world.look(if look == crash { Luck::Crash } else { Luck::Fine });
        }
        let tried = world.host.sent.iter().filter(|sent| **sent == "undo").count();
        assert_eq!((world.end(), tried), ((Mode::Held, None, "UndoFailed"), 2), "crash at look {crash}");
    }
}

#[test]
fn a_service_whose_restart_is_resolved_leaves_no_mark_on_its_node() {
    for (outcome, end) in [(Succeeded, Outcome::Repaired), (Failed, Outcome::Failed)] {
        let mut world = World::of_service(false);
        world.host.restart_takes = Span::minutes(60);
        world.run(&[]);
        assert_eq!(state(&world, "restart"), StepState::Indeterminate);
        assert!(world.host.told);
        world.say("restart", outcome);
        go_on(&mut world);
        assert_eq!((world.stored.outcome, world.host.told), (Some(end), false));
        assert!(!world.host.unschedulable);
    }
}
