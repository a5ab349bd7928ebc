//! How repairs end: repaired, cleared, failed and put back, or held with what a person needs to know.

use super::world::{Luck, World, failure};
use crate::saga::{Mode, Next, Outcome, StepState, next};
use crate::time::Span;

fn state(world: &World, step: &str) -> StepState {
    world.stored.step(step).unwrap().state
}

#[test]
fn a_repair_without_mishap() {
    let mut world = World::new();
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Repaired), "Verified"));
    assert_eq!(world.host.sent, ["prepare", "cordon", "drain", "drain", "drain", "install", "reboot"]);
    assert!(world.stored.blockers.is_empty() && world.host.mark.is_none());
}

#[test]
fn a_node_named_without_a_finding_is_not_said_to_be_proven_by_a_check() {
    let mut world = World::new();
    world.run(&[]);
    assert!(world.stored.message.as_deref().is_some_and(|message| message.contains("proven by the check")));
    let mut by_hand = World::new();
    by_hand.brief.node.evidence.clear();
    by_hand.run(&[]);
    assert_eq!(by_hand.stored.outcome, Some(Outcome::Repaired));
    assert!(by_hand.stored.message.is_some_and(|message| message.starts_with("done as asked")));
}

#[test]
fn a_finding_that_has_gone_is_cleared_untouched() {
    let mut world = World::new();
    world.host.repaired = true;
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.host.sent.len()), (Some(Outcome::Cleared), 0));
}

#[test]
fn a_host_with_a_wrong_key_is_not_touched() {
    let mut world = World::new();
    world.host.closed = Some(failure("HostKeyMismatch", false));
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "HostKeyMismatch"));
    assert!(world.host.sent.is_empty() && world.host.mark.is_none() && !world.host.told);
}

#[test]
fn a_host_that_cannot_be_reached_fails_at_its_time_limit_and_is_named() {
    let mut world = World::new();
    world.host.closed = Some(failure("ConnectionRefused", true));
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "ConnectionRefused"));
    assert!(world.host.sent.is_empty());
}

#[test]
fn a_budget_that_closes_in_a_drain_is_named_and_the_cordon_lifted() {
    let mut world = World::new();
    world.host.budget_closed = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "PodDisruptionBudget"));
    assert!(world.stored.message.as_deref().unwrap().contains("pdb/shop/never"));
    assert!(!world.host.unschedulable && world.host.installs == 0);
    assert_eq!(state(&world, "drain"), StepState::Failed);
}

#[test]
fn without_a_cordon_nothing_is_drained() {
    let mut world = World::new();
    world.host.cordoning_is_forbidden = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "Forbidden"));
    assert_eq!(world.host.sent, ["prepare"]);
    assert_eq!(state(&world, "cordon"), StepState::Failed);
}

#[test]
fn an_install_that_runs_out_of_time_is_indeterminate_and_holds_the_node() {
    let mut world = World::new();
    world.host.install_takes = Span::minutes(120);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "StepTimedOut"));
    assert_eq!(state(&world, "install"), StepState::Indeterminate);
    assert_eq!((world.host.reboots, world.host.told, world.host.unschedulable), (0, true, true));
}

#[test]
fn a_host_that_falls_silent_during_an_install_is_indeterminate_too() {
    let mut world = World::new();
    world.run_to("install");
    world.host.closed = Some(failure("ConnectionRefused", true));
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "ConnectionRefused"));
    assert_eq!(state(&world, "install"), StepState::Indeterminate);
}

#[test]
fn a_job_without_an_exit_record_is_indeterminate() {
    let mut world = World::new();
    world.run_to("install");
    world.host.loses_jobs = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "JobLost"));
    assert_eq!(state(&world, "install"), StepState::Indeterminate);
}

#[test]
fn a_prepare_without_an_exit_record_leaves_the_node_untouched() {
    let mut world = World::new();
    world.run_to("prepare");
    world.host.loses_jobs = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "JobLost"));
    assert_eq!(world.host.sent, ["prepare"]);
}

#[test]
fn a_failed_verification_holds_the_node_and_says_how_to_go_on() {
    let mut world = World::new();
    world.host.verification_fails = true;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "VerificationFailed"));
    assert!(world.host.unschedulable && world.host.mark.is_some(), "stays cordoned");
    let next = &world.stored.blockers[0].next;
    for part in
        ["kubectl uncordon n", "nodemend.dev/cordon-", "kubectl delete remediation r-1", "get run run"]
    {
        assert!(next.contains(part), "{part}: {next}");
    }
}

#[test]
fn a_node_that_was_cordoned_before_is_not_to_be_uncordoned_by_hand() {
    let mut world = World::new();
    (world.host.unschedulable, world.host.verification_fails) = (true, true);
    world.run(&[]);
    assert!(!world.stored.blockers[0].next.contains("kubectl uncordon"));
}

#[test]
fn a_node_that_cannot_be_written_on_is_held_all_the_same() {
    let mut world = World::new();
    (world.host.verification_fails, world.host.annotating_is_forbidden) = (true, true);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "VerificationFailed"));
    assert_eq!(world.stored.blockers[1].reason, "Forbidden");
}

#[test]
fn a_cordon_that_may_not_be_lifted_is_asked_for_until_it_is() {
    let mut world = World::new();
    (world.host.budget_closed, world.host.uncordoning_is_forbidden) = (true, true);
    for _ in 0..2000 {
        world.look(Luck::Fine);
    }
    assert_eq!((world.stored.mode, &world.stored.blockers[0].reason[..]), (Mode::Restoring, "Forbidden"));
    world.host.uncordoning_is_forbidden = false;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "PodDisruptionBudget"));
    assert!(!world.host.unschedulable);
}

#[test]
fn a_node_cordoned_by_another_repair_is_left_to_it() {
    let mut world = World::new();
    let mut other = World::new();
    other.brief.remediation = "r-other".into();
    other.run_to("cordon");
    (world.host.mark, world.host.unschedulable) = (other.host.mark.clone(), true);
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "CordonedByAnother"));
    assert_eq!((&world.host.mark, world.host.unschedulable), (&other.host.mark, true));
}

#[test]
fn a_node_that_is_gone_or_another_machine_ends_the_repair_at_any_moment() {
    for looks in 0..40 {
        let (mut gone, mut other) = (World::new(), World::new());
        for _ in 0..looks {
            gone.look(Luck::Fine);
            other.look(Luck::Fine);
        }
        if gone.stored.is_finished() {
            return;
        }
        gone.gone = true;
        other.brief.node.uid = "older".into();
        for (world, outcome) in [(gone, Outcome::Skipped), (other, Outcome::Replaced)] {
            let Next::Write(journal) = next(&world.brief, &world.stored, &world.seen(), world.now) else {
                panic!("{outcome:?} after {looks} looks")
            };
            assert_eq!(journal.outcome, Some(outcome));
        }
    }
}

#[test]
fn another_machine_under_the_same_name_is_not_touched() {
    let mut world = World::new();
    world.brief.node.uid = "older".into();
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Replaced), "NodeReplaced"));
    assert!(world.host.sent.is_empty());
}

#[test]
fn a_machine_that_goes_down_and_lets_nobody_in_is_looked_at_again() {
    let mut world = World::new();
    world.run_to("reboot");
    world.host.closed = Some(failure("AuthenticationFailed", false));
    for _ in 0..4 {
        world.look(Luck::Fine);
    }
    world.host.closed = None;
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.host.reboots), (Some(Outcome::Repaired), 1));
}
