//! Undo: the host is put back as it was, in whatever order things fail and whoever dies meanwhile, or a person is called.

use super::world::{BEFORE, Luck, TARGET, World, abort, failure, hold};
use crate::blocker::Blocker;
use crate::playbook::Undo;
use crate::saga::{EPOCH_NOT_OURS, Mode, NOT_GRANTED, Outcome, StepState, Stop, holds_of_failed_undo};
use crate::snapshot::HoldScope;
use crate::time::Span;

/// A world whose repair fails its verification.
pub(super) fn unproven() -> World {
    let mut world = World::undoable();
    world.host.verification_fails = true;
    world
}

fn state(world: &World, step: &str) -> StepState {
    world.stored.step(step).unwrap().state
}

/// The host runs what it ran before, and the node shows no trace of a repair.
pub(super) fn is_as_before(world: &World) -> bool {
    let host = &world.host;
    (host.installed.as_str(), host.running.as_str()) == (BEFORE, BEFORE)
        && !host.unschedulable
        && host.mark.is_none()
        && !host.told
}

#[test]
fn a_failed_verification_brings_back_what_was_installed_and_what_ran() {
    let mut world = unproven();
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    let message = world.stored.message.as_deref().unwrap();
    assert!(message.starts_with("rolled back (install, reboot): step verify failed"), "{message}");
    assert!(is_as_before(&world), "{:?}", world.host);
    assert_eq!(world.host.sent[5..], ["install", "reboot", "undo", "reboot"]);
    assert_eq!((state(&world, "install"), state(&world, "reboot")), (StepState::Undone, StepState::Undone));
    assert_eq!(state(&world, "verify"), StepState::Failed, "what failed can still be seen");
}

#[test]
fn a_transaction_that_ends_half_way_is_undone_and_what_runs_made_sure_of() {
    let mut world = World::undoable();
    world.host.install_fails = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert!(is_as_before(&world), "{:?}", world.host);
    assert_eq!((world.host.put_back, world.host.reboots), (1, 1));
}

#[test]
fn what_was_there_already_is_not_undone() {
    let mut world = unproven();
    world.host.installed = TARGET.into();
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert_eq!((&world.host.installed[..], world.host.put_back, world.host.reboots), (TARGET, 0, 1));
}

#[test]
fn a_transaction_that_changed_nothing_needs_no_restart() {
    let mut world = World::undoable();
    world.host.install_fails = true;
    world.run_to("install");
    world.host.installed = BEFORE.into();
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert_eq!((world.host.put_back, world.host.reboots), (0, 0), "{:?}", world.host.sent);
}

#[test]
fn a_restart_that_failed_is_caught_up_by_the_undo_or_holds_the_node() {
    let mut stubborn = World::undoable();
    stubborn.host.reboot_fails = true;
    let mut willing = stubborn.clone();
    stubborn.run(&[]);
    assert_eq!(stubborn.end(), (Mode::Held, None, "UndoFailed"));
    assert_eq!(
        (state(&stubborn, "install"), state(&stubborn, "reboot")),
        (StepState::Undone, StepState::UndoFailed)
    );
    willing.run_to("undo");
    willing.host.reboot_fails = false;
    willing.run(&[]);
    assert_eq!(willing.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    assert!(is_as_before(&willing));
}

#[test]
fn an_undo_that_fails_says_so_holds_the_node_and_does_not_go_on() {
    let mut world = unproven();
    world.host.version_is_gone = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "UndoFailed"));
    let message = world.stored.message.as_deref().unwrap();
    for part in ["undo of step install failed: NoSuchVersion", "step verify failed"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!((&world.host.installed[..], world.host.reboots), (TARGET, 1), "nothing was changed");
    assert!(world.host.unschedulable && world.host.told);
}

#[test]
fn a_failed_undo_holds_its_node_its_run_and_its_playbook_in_its_pool() {
    let mut world = unproven();
    world.host.version_is_gone = true;
    while world.stored.mode != Mode::Holding {
        assert!(holds_of_failed_undo(&world.brief, &world.stored, world.now).is_empty());
        world.look(Luck::Fine);
    }
    let holds = holds_of_failed_undo(&world.brief, &world.stored, world.now);
    world.run(&[]);
    assert_eq!(holds_of_failed_undo(&world.brief, &world.stored, holds[0].created), holds, "the same names");
    let scopes: Vec<_> = holds.iter().map(|hold| hold.scope.clone()).collect();
    let [node, run, pool] = ["n", "run", "web"].map(str::to_owned);
    let playbook = HoldScope::Playbook { name: "upgrade-systemd".into(), pool };
    assert_eq!(scopes, [HoldScope::Node { name: node }, HoldScope::Run { name: run }, playbook]);
    for hold in holds {
        let message = hold.message.unwrap();
        assert!(
            message.contains("NoSuchVersion")
                && message.contains("nodemend resolve run --node n --step install")
        );
        assert!(message.len() < 1024, "{message}");
    }
}

#[test]
fn a_failure_that_is_not_an_undos_makes_no_hold() {
    let mut world = World::new();
    world.host.verification_fails = true;
    world.run(&[]);
    assert_eq!(world.stored.mode, Mode::Held);
    assert!(holds_of_failed_undo(&world.brief, &world.stored, world.now).is_empty());
}

#[test]
fn an_undo_that_does_not_end_holds_the_node() {
    let mut world = unproven();
    world.run_to("reboot");
    world.host.install_takes = Span::minutes(120);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "UndoFailed"));
    assert!(world.stored.message.as_deref().unwrap().contains("UndoTimedOut: not done within"));
}

#[test]
fn what_a_step_or_nobody_says_can_be_put_back_is_left_to_a_person() {
    for (step, undo) in [("install", Some(Undo::Hold)), ("reboot", Some(Undo::Hold)), ("reboot", None)] {
        let mut world = unproven();
        world.brief.steps.iter_mut().find(|known| known.name == step).unwrap().undo = undo;
        world.run(&[]);
        assert_eq!(world.end(), (Mode::Held, None, "VerificationFailed"), "{step}");
        assert!(world.stored.message.as_deref().unwrap().contains(&format!("not undone: step {step}")));
        assert_eq!((world.host.put_back, world.host.reboots), (0, 1));
    }
}

#[test]
fn without_one_known_version_before_there_is_no_way_back() {
    for before in ["", "219-62.el7\n219-67.el7"] {
        let mut world = unproven();
        world.host.installed = before.into();
        world.run(&[]);
        assert_eq!(world.end(), (Mode::Held, None, "VerificationFailed"));
        assert_eq!(world.host.put_back, 0);
        assert!(
            world.stored.message.as_deref().unwrap().contains("not undone: step install cannot be undone")
        );
    }
}

#[test]
fn an_effect_whose_end_nobody_knows_is_not_undone_blindly() {
    let mut world = World::undoable();
    world.host.install_takes = Span::minutes(120);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "StepTimedOut"));
    assert_eq!(world.host.put_back, 0);
}

#[test]
fn a_proven_repair_is_not_undone_because_its_cordon_cannot_be_lifted() {
    let mut world = World::undoable();
    world.host.uncordoning_is_forbidden = true;
    world.run(&[]);
    assert_eq!((world.stored.mode, world.host.put_back), (Mode::Held, 0));
}

#[test]
fn a_stop_keeps_an_undo_from_beginning_and_does_not_end_one_that_has_begun() {
    let mut world = unproven();
    while world.stored.mode != Mode::Undoing {
        world.look(Luck::Fine);
    }
    let mut begun = world.clone();
    world.stop = Some(hold());
    let sent = world.host.sent.len();
    for _ in 0..50 {
        world.look(Luck::Fine);
    }
    assert_eq!((world.host.sent.len(), &world.stored.blockers[0].reason[..]), (sent, "Hold"));
    world.stop = None;
    begun.run_to("undo");
    begun.stop = Some(hold());
    for mut world in [world, begun] {
        world.run(&[]);
        assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
        assert!(is_as_before(&world));
    }
}

#[test]
fn an_undo_needs_no_grant_and_an_abort_does_not_keep_a_node_from_being_put_back() {
    let not_granted = Stop { blocker: Blocker::new(NOT_GRANTED, "remediation/r", "waits"), abort: false };
    for stop in [not_granted, abort()] {
        let mut world = unproven();
        while world.stored.mode != Mode::Undoing {
            world.look(Luck::Fine);
        }
        world.stop = Some(stop);
        world.run(&[]);
        assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "RolledBack"));
    }
}

#[test]
fn a_controller_that_was_replaced_undoes_nothing_more() {
    let mut world = unproven();
    world.run_to("undo");
    world.stop =
        Some(Stop { blocker: Blocker::new(EPOCH_NOT_OURS, "repairguard/cluster", "n"), abort: false });
    for _ in 0..50 {
        world.look(Luck::Fine);
    }
    assert_eq!((world.host.sent.last(), world.stored.mode), (Some(&"undo"), Mode::Undoing));
    (world.stop, world.epoch, world.fresh, world.answer) = (None, 2, None, None);
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.host.put_back), (Some(Outcome::Failed), 1));
}

#[test]
fn a_person_who_takes_over_during_an_undo_is_left_alone() {
    let mut world = unproven();
    world.run_to("undo");
    (world.host.unschedulable, world.host.mark) = (false, None);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "HumanTakeover"));
    assert_eq!(world.host.reboots, 1);
}

#[test]
fn a_host_that_lets_nobody_in_for_a_while_is_put_back_afterwards() {
    let mut world = unproven();
    world.run_to("undo");
    world.host.closed = Some(failure("ConnectionRefused", true));
    for _ in 0..20 {
        world.look(Luck::Fine);
    }
    assert_eq!(world.stored.blockers[0].reason, "ConnectionRefused");
    world.host.closed = None;
    world.run(&[]);
    assert!(is_as_before(&world));
}

#[test]
fn a_node_whose_kubelet_does_not_come_back_is_not_given_pods() {
    let mut world = unproven();
    world.run_to("undo");
    world.reported_boot = Some("boot-1".into());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "UndoFailed"));
    assert!(
        world.stored.message.as_deref().unwrap().contains("has not reported boot"),
        "{:?}",
        world.stored.message
    );
    assert!(world.host.unschedulable);
}
