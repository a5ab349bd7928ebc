//! Whoever else acts on the node goes first: people, and later controllers. A stop is obeyed and can be taken back.

use super::world::{Luck, World, abort, hold};
use crate::blocker::Blocker;
use crate::op::JobState;
use crate::op::OpResult;
use crate::saga::{Mode, Next, Outcome, next};
use crate::time::Span;

#[test]
fn a_cordon_lifted_by_somebody_else_is_a_takeover() {
    for (step, and_mark) in [("drain", true), ("drain", false), ("install", false), ("reboot", false)] {
        let mut world = World::new();
        world.host.budget_closed = step == "drain";
        world.run_to(step);
        world.host.unschedulable = false;
        if and_mark {
            world.host.mark = None;
        }
        let (sent, pods) = (world.host.sent.len(), world.host.pods);
        world.run(&[]);
        assert_eq!(world.end(), (Mode::Held, None, "HumanTakeover"), "during {step}");
        assert!(!world.host.unschedulable, "hands off");
        assert_eq!((world.host.sent.len(), world.host.pods), (sent, pods), "during {step}");
    }
}

#[test]
fn a_restart_by_somebody_else_is_a_takeover() {
    let mut world = World::new();
    world.host.budget_closed = true;
    world.run_to("drain");
    world.host.boots += 1;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "HumanTakeover"));
    assert_eq!(world.host.reboots, 0);
}

#[test]
fn a_kubelet_that_reports_its_boot_late_is_no_restart_by_somebody_else() {
    let mut world = World::new();
    world.reported_boot = Some("the one before".into());
    world.run_to("drain");
    world.reported_boot = None;
    world.run(&[]);
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
}

#[test]
fn a_restart_while_a_stop_keeps_the_repair_at_its_start_is_no_takeover() {
    let mut world = World::new();
    world.run_to("prepare");
    world.stop = Some(hold());
    for _ in 0..10 {
        world.look(Luck::Fine);
    }
    world.host.boots += 1;
    world.stop = None;
    world.run(&[]);
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
}

#[test]
fn a_held_repair_is_over_when_a_person_takes_our_marks_off() {
    let mut world = World::new();
    world.host.verification_fails = true;
    world.run(&[]);
    (world.host.unschedulable, world.host.mark) = (false, None);
    world.look(Luck::Fine);
    assert_eq!(world.stored.mode, Mode::Held, "the message is still there");
    world.host.told = false;
    world.look(Luck::Fine);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), "VerificationFailed"));
}

#[test]
fn a_held_node_is_ended_by_a_person_and_left_as_it_is() {
    let mut world = World::new();
    world.host.verification_fails = true;
    world.run(&[]);
    assert_eq!(world.stored.mode, Mode::Held);
    world.stop = Some(abort());
    assert!(world.look(Luck::Fine));
    assert_eq!(world.stored.outcome, Some(Outcome::Failed));
    assert!(world.host.unschedulable && world.host.mark.is_some(), "still counts as unavailable");
}

#[test]
fn an_abort_gives_an_unchanged_node_back_for_good() {
    let mut world = World::new();
    world.host.budget_closed = true;
    world.run_to("drain");
    world.stop = Some(abort());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Skipped), "Aborted"));
    assert!(!world.host.unschedulable && world.host.mark.is_none());
}

#[test]
fn an_abort_before_the_start_touches_nothing() {
    let mut world = World::new();
    world.stop = Some(abort());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Skipped), "Aborted"));
    assert!(world.host.sent.is_empty());
}

#[test]
fn an_abort_after_the_host_was_changed_holds_the_node_and_restarts_nothing() {
    let mut world = World::new();
    world.run_to("install");
    world.stop = Some(abort());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "Aborted"));
    assert_eq!((world.host.reboots, world.host.unschedulable), (0, true));
}

#[test]
fn an_abort_of_a_stopped_repair_says_so_on_the_node() {
    let mut world = World::new();
    world.run_to("install");
    world.stop = Some(hold());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "Stopped"));
    assert!(world.stored.blockers[0].next.contains("nodemend release"));
    world.stop = Some(abort());
    world.look(Luck::Fine);
    assert_eq!(world.stored.mode, Mode::Holding, "the message is written anew");
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "Aborted"));
    assert!(world.stored.blockers[0].next.contains("kubectl uncordon"));
}

#[test]
fn the_time_that_a_stop_lasts_does_not_count_against_a_step() {
    let mut world = World::new();
    world.run_to("reboot");
    while world.stored.step("ready").unwrap().intent.is_none() {
        world.look(Luck::Fine);
    }
    // The kubelet has not reported the new boot yet when the stop comes, nor right after it is lifted.
    world.reported_boot = Some("boot-0".into());
    world.stop = Some(hold());
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Held, None, "Stopped"));
    world.now = world.now.after(Span::minutes(600));
    world.stop = None;
    for _ in 0..5 {
        world.look(Luck::Fine);
    }
    world.reported_boot = None;
    world.run(&[]);
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
}

#[test]
fn a_release_that_has_begun_ends_under_a_stop() {
    let mut world = World::new();
    while world.stored.step("uncordon").is_none_or(|step| step.intent.is_none()) {
        world.look(Luck::Fine);
    }
    world.stop = Some(hold());
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.host.unschedulable), (Some(Outcome::Repaired), false));
}

#[test]
fn a_job_that_never_started_is_voided_and_tried_under_another_intent() {
    let mut world = World::new();
    while world.stored.step("install").is_none_or(|step| step.intent.is_none()) {
        world.look(Luck::Fine);
    }
    world.look(Luck::Crash);
    assert_eq!(world.answer, Some(OpResult::Job(JobState::NotStarted { voided: true })));
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.host.installs), (Some(Outcome::Repaired), 1));
    assert_eq!(world.stored.step("install").unwrap().attempt, 2);
}

#[test]
fn under_a_stop_a_voided_job_gives_the_unchanged_node_back() {
    let mut world = World::new();
    while world.stored.step("install").is_none_or(|step| step.intent.is_none()) {
        world.look(Luck::Fine);
    }
    world.stop = Some(hold());
    world.look(Luck::Crash);
    for _ in 0..20 {
        world.look(Luck::Fine);
    }
    assert_eq!((world.stored.mode, world.host.installs), (Mode::Forward, 0));
    assert!(!world.host.unschedulable && world.host.mark.is_none());
}

#[test]
fn a_host_that_obeys_a_later_controller_is_left_alone() {
    for (step, launched) in [("prepare", false), ("prepare", true), ("install", false), ("install", true)] {
        let mut world = World::new();
        while world.stored.step(step).is_none_or(|step| step.intent.is_none()) {
            world.look(Luck::Fine);
        }
        if launched {
            world.run_to(step);
        }
        world.host.epoch = 9;
        let sent = world.host.sent.len();
        // For longer than any step may take: that somebody else is at work is no failure.
        for _ in 0..300 {
            world.look(Luck::Fine);
        }
        assert_eq!((world.stored.mode, world.stored.outcome), (Mode::Forward, None), "{step}");
        assert_eq!((&world.stored.blockers[0].reason[..], world.host.sent.len()), ("Fenced", sent));
        // The later one takes it up where it stands.
        world.epoch = 9;
        world.run(&[]);
        assert_eq!((world.stored.outcome, world.host.installs), (Some(Outcome::Repaired), 1), "{step}");
    }
}

#[test]
fn a_journal_of_a_later_epoch_is_left_alone() {
    let mut world = World::new();
    world.run_to("drain");
    world.stored.epoch = 2;
    let next = next(&world.brief, &world.stored, &world.seen(), world.now);
    assert!(matches!(next, Next::Wait { note: None, .. }), "{next:?}");
}

#[test]
fn a_node_that_may_not_begin_is_not_touched_and_begins_when_it_may() {
    let mut world = World::new();
    world.clearance = vec![Blocker::new("Window", "repairpool/web", "closed")];
    for _ in 0..500 {
        world.look(Luck::Fine);
    }
    assert!(!world.host.unschedulable && world.host.mark.is_none());
    assert_eq!(world.stored.blockers[0].reason, "Window");
    world.clearance.clear();
    world.run(&[]);
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
}

#[test]
fn a_drain_that_would_not_get_on_is_given_up_before_the_node_is_touched() {
    let mut world = World::new();
    let reason = crate::saga::NO_DISRUPTION_ALLOWED;
    world.clearance = vec![Blocker::new(reason, "poddisruptionbudget/web/a", "allows none")];
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), reason));
    assert!(!world.host.sent.contains(&"cordon"), "{:?}", world.host.sent);
}

#[test]
fn a_pod_that_must_not_be_touched_ends_the_repair_before_the_node_is() {
    let mut world = World::new();
    let reason = crate::saga::DRAIN_REFUSED;
    world.clearance = vec![Blocker::new(reason, "pod/web/alone", "no controller would create it again")];
    let start = world.now;
    world.run(&[]);
    assert_eq!(world.end(), (Mode::Finished, Some(Outcome::Failed), reason));
    assert!(world.now.since(start) < Span::minutes(2), "nothing is gained by waiting");
    assert!(!world.host.sent.contains(&"cordon"), "{:?}", world.host.sent);
}

#[test]
fn what_was_not_asked_is_not_known_to_be_clear() {
    let mut world = World::new();
    world.run_to("prepare");
    world.run_to_clearance();
    let unasked = crate::saga::Observation { clearance: None, ..world.seen() };
    assert!(matches!(next(&world.brief, &world.stored, &unasked, world.now), Next::Wait { .. }));
}
