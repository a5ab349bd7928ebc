//! From canary to last batch: soaks, gates, and failure limits that stay reached.

use super::*;
use crate::budget::Rate;
use crate::rollout::{Answer, Canary, Gate, GateScope, Webhook};
use crate::snapshot::{Ledger, Mark};

const SOAK: Span = Span::minutes(10);

fn rollout<'a>(world: &'a mut Snapshot, run: &Run) -> &'a mut Rollout {
    let pages = world.pages.get_mut(&run.uid).unwrap();
    &mut pages.get_mut(&0).unwrap().header.as_mut().unwrap().rollout
}

/// Four nodes in batches of one, whose policy has this rollout.
fn one_by_one(rollout: Rollout) -> (Snapshot, Run) {
    let mut world = world();
    let batches = vec![IntOrPercent::Int(1)];
    world.policies.get_mut("p").unwrap().rollout = Rollout { batches, ..rollout };
    let run = planned(&mut world);
    (world, run)
}

/// What is written is kept, as the planner would.
fn write(world: &mut Snapshot, run: &Run, now: Time) -> RunStatus {
    for decision in decide(world, now) {
        if let Decision::RunStatus { run: name, status } = decision {
            world.runs.get_mut(&name).unwrap().status = *status;
        }
    }
    world.runs[&run.name].status.clone()
}

fn granted_at(world: &Snapshot, now: Time) -> Vec<String> {
    let nodes = decide(world, now).into_iter().filter_map(|decision| match decision {
        Decision::Grant { nodes, .. } => Some(nodes),
        _ => None,
    });
    nodes.flatten().map(|(_, node)| node.name.0).collect()
}

fn reasons(status: &RunStatus) -> Vec<&str> {
    status.blockers.iter().map(|blocker| blocker.reason.as_str()).collect()
}

fn end(world: &mut Snapshot, run: &Run, node: &str, outcome: Outcome, at: Time) {
    remediate(world, run, node, Mode::Finished, Some(outcome));
    let of_node = world.remediations.values_mut().find(|r| r.node.0 == node).unwrap();
    let journal = of_node.journal.as_mut().unwrap();
    (journal.started_at, journal.finished_at) = (Some(NOW), Some(at));
}

#[test]
fn after_a_canary_the_run_watches_it_before_it_goes_on() {
    let canary = Canary { nodes: IntOrPercent::Int(1), soak: SOAK };
    let (mut world, run) = one_by_one(Rollout { canary: Some(canary), ..Rollout::default() });
    assert_eq!(granted_at(&world, NOW), ["a"]);
    end(&mut world, &run, "a", Outcome::Repaired, NOW);
    let status = write(&mut world, &run, NOW);
    assert_eq!((reasons(&status), status.soaking_since), (vec!["Soak"], Some(NOW)));
    let goes_on = NOW.after(SOAK);
    assert!(decide(&world, NOW.after(Span(1))).contains(&Decision::LookAgain { at: goes_on }));
    assert!(granted_at(&world, goes_on.before(Span(1))).is_empty());
    assert_eq!(granted_at(&world, goes_on), ["b"]);
}

#[test]
fn a_node_that_does_not_stay_ready_holds_the_next_batch_back() {
    let (mut world, run) = one_by_one(Rollout { soak: Some(SOAK), ..Rollout::default() });
    end(&mut world, &run, "a", Outcome::Repaired, NOW);
    write(&mut world, &run, NOW);
    let ready = world.nodes[&"a".into()].clone();
    world.nodes.insert("a".into(), node("a", "Unknown"));
    let later = NOW.after(Span::minutes(60));
    assert_eq!(reasons(&write(&mut world, &run, later)), ["BatchNotReady"]);
    assert!(granted_at(&world, later).is_empty());
    world.nodes.insert("a".into(), ready);
    assert_eq!(granted_at(&world, later), ["b"]);
}

#[test]
fn a_soak_outlives_a_restart_and_is_not_begun_anew() {
    let (mut world, run) = one_by_one(Rollout { soak: Some(SOAK), ..Rollout::default() });
    end(&mut world, &run, "a", Outcome::Repaired, NOW);
    for minutes in [0, 4, 9] {
        let status = write(&mut world, &run, NOW.after(Span::minutes(minutes)));
        assert_eq!(status.soaking_since, Some(NOW));
    }
    assert_eq!(granted_at(&world, NOW.after(SOAK)), ["b"]);
}

#[test]
fn a_failed_canary_stops_the_run_whatever_may_fail() {
    let canary = Canary { nodes: IntOrPercent::Int(1), soak: SOAK };
    let plenty = IntOrPercent::Int(4);
    let (mut world, run) =
        one_by_one(Rollout { canary: Some(canary), max_failures: plenty, ..Rollout::default() });
    end(&mut world, &run, "a", Outcome::Failed, NOW);
    let status = write(&mut world, &run, NOW);
    assert_eq!(status.phase, RunPhase::Failed);
    assert!(status.limit_reached.unwrap().contains("canary"));
}

#[test]
fn a_canary_whose_record_was_deleted_is_not_forgotten() {
    for (mode, outcome) in [(Mode::Finished, Some(Outcome::Failed)), (Mode::Forward, None)] {
        let canary = Canary { nodes: IntOrPercent::Int(1), soak: SOAK };
        let plenty = IntOrPercent::Int(4);
        let limits = Rollout { canary: Some(canary), max_failures: plenty, ..Rollout::default() };
        let (mut world, run) = one_by_one(limits);
        remediate(&mut world, &run, "a", mode, outcome);
        if outcome.is_none() {
            write(&mut world, &run, NOW);
        } else {
            world.runs.get_mut(&run.name).unwrap().status.nodes = [Mark::Failed].into_iter().collect();
        }
        world.remediations.clear();
        let status = write(&mut world, &run, NOW);
        assert!(status.limit_reached.is_some(), "{mode:?}: {status:?}");
        assert_eq!(status.nodes.mark(0), Mark::Failed);
        assert!(granted_at(&world, NOW.after(SOAK)).is_empty());
    }
}

#[test]
fn a_node_that_is_undone_failed_once() {
    let limits = Rollout {
        max_failures: IntOrPercent::Int(9),
        max_consecutive_failures: Some(1),
        ..Rollout::default()
    };
    let (mut world, run) = one_by_one(limits);
    remediate(&mut world, &run, "a", Mode::Undoing, None);
    assert_eq!(write(&mut world, &run, NOW).consecutive_failures, 1);
    end(&mut world, &run, "a", Outcome::Failed, NOW.after(Span(1)));
    let status = write(&mut world, &run, NOW);
    assert_eq!((status.consecutive_failures, status.limit_reached), (1, None));
}

#[test]
fn failures_in_a_row_are_counted_in_the_order_in_which_they_came() {
    let limits = Rollout {
        max_failures: IntOrPercent::Int(9),
        max_consecutive_failures: Some(1),
        ..Rollout::default()
    };
    let (mut world, run) = one_by_one(limits);
    world.runs.get_mut(&run.name).unwrap().status.batch = 3;
    end(&mut world, &run, "b", Outcome::Repaired, NOW.after(Span(2)));
    end(&mut world, &run, "a", Outcome::Failed, NOW.after(Span(1)));
    end(&mut world, &run, "c", Outcome::Failed, NOW.after(Span(3)));
    let status = write(&mut world, &run, NOW);
    assert_eq!((status.consecutive_failures, status.limit_reached), (1, None));
    assert_eq!(write(&mut world, &run, NOW).consecutive_failures, 1, "nobody is counted twice");
    end(&mut world, &run, "d", Outcome::Failed, NOW.after(Span(4)));
    assert!(write(&mut world, &run, NOW).limit_reached.is_some());
}

#[test]
fn a_stale_status_cuts_no_row_of_failures_short() {
    let stored = RunStatus {
        nodes: [Mark::Failed, Mark::Begun].into_iter().collect(),
        consecutive_failures: 1,
        limit_reached: Some("one".into()),
        ..RunStatus::default()
    };
    let stale = RunStatus { nodes: [Mark::Begun, Mark::Begun].into_iter().collect(), ..RunStatus::default() };
    let written = stale.after(&stored);
    assert_eq!((written.consecutive_failures, written.nodes.mark(0)), (1, Mark::Failed));
    assert_eq!(written.limit_reached, stored.limit_reached);
    let fresh = [Mark::Failed, Mark::Repaired].into_iter().collect();
    let fresh = RunStatus { nodes: fresh, ..RunStatus::default() }.after(&stored);
    assert_eq!(fresh.consecutive_failures, 0, "a repair ends the row");
}

#[test]
fn a_granted_node_that_has_not_begun_may_not_after_a_limit() {
    let (mut world, run) = one_by_one(Rollout::default());
    assert_eq!(too_late(&world.runs[&run.name]), None);
    end(&mut world, &run, "a", Outcome::Failed, NOW);
    write(&mut world, &run, NOW);
    assert_eq!(too_late(&world.runs[&run.name]).unwrap().reason, "TooManyFailures");
}

#[test]
fn a_limit_that_was_reached_stays_reached() {
    let (mut world, run) = one_by_one(Rollout::default());
    remediate(&mut world, &run, "a", Mode::Held, None);
    let status = write(&mut world, &run, NOW);
    assert_eq!((status.phase, reasons(&status)), (RunPhase::Stopped, vec!["TooManyFailures"]));
    // Somebody mends the node, and its record says repaired after all.
    end(&mut world, &run, "a", Outcome::Repaired, NOW);
    assert!(granted_at(&world, NOW).is_empty());
    let status = write(&mut world, &run, NOW);
    assert!(status.phase.is_over() && status.counts.repaired == 1, "{status:?}");
}

fn webhook(scope: GateScope) -> Gate {
    Gate { scope, webhook: Some(Webhook { url: "https://gate.example".into() }), ..Gate::default() }
}

/// Has every gate that is asked answer, and says about what they were asked.
fn answer(world: &mut Snapshot, open: bool, at: Time) -> Vec<(Option<u32>, Option<String>)> {
    let asked = decide(world, at).into_iter().filter_map(|decision| match decision {
        Decision::Ask { asked, .. } => Some(asked),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    let about = asked.iter().map(|a| (a.batch, a.node.as_ref().map(|node| node.0.clone()))).collect();
    for asked in asked {
        world.answers.insert(asked, Answer { open, why: "said so".into(), at });
    }
    about
}

#[test]
fn a_gate_is_closed_until_it_says_yes_and_its_yes_grows_old() {
    let gates = vec![webhook(GateScope::Batch)];
    let (mut world, run) = one_by_one(Rollout { gates, ..Rollout::default() });
    assert_eq!(waits(&world, &run), ["GateAsked"]);
    assert_eq!(answer(&mut world, false, NOW), [(Some(0), None)]);
    assert_eq!(waits(&world, &run), ["GateClosed"]);
    assert!(granted_at(&world, NOW).is_empty());
    let later = NOW.after(Span::seconds(31));
    assert_eq!(answer(&mut world, true, later), [(Some(0), None)], "asked again");
    assert_eq!(granted_at(&world, later), ["a"]);
    assert!(granted_at(&world, later.after(Span::seconds(31))).is_empty(), "an old yes is no yes");
}

#[test]
fn gates_are_asked_before_what_they_are_about() {
    let gates = vec![webhook(GateScope::Run), webhook(GateScope::Batch), webhook(GateScope::Node)];
    let (mut world, run) = one_by_one(Rollout { gates, ..Rollout::default() });
    assert_eq!(answer(&mut world, true, NOW), [(None, None), (Some(0), None)]);
    assert_eq!(answer(&mut world, true, NOW), [(Some(0), Some("a".into()))], "as many as could start");
    assert_eq!(granted_at(&world, NOW), ["a"]);
    end(&mut world, &run, "a", Outcome::Repaired, NOW);
    write(&mut world, &run, NOW);
    assert_eq!(answer(&mut world, true, NOW), [(Some(1), None)], "the run's own gate is behind it");
}

#[test]
fn a_planned_node_that_somebody_takes_away_or_keeps_out_is_left_alone() {
    let (mut world, run) = one_by_one(Rollout::default());
    world.nodes.get_mut(&"a".into()).unwrap().leaving = Some("taint x".into());
    assert_eq!(waits(&world, &run), ["Leaving"]);
    world.nodes.get_mut(&"a".into()).unwrap().leaving = None;
    let labels = &mut world.nodes.get_mut(&"a".into()).unwrap().labels;
    labels.insert(crate::snapshot::EXCLUDE_LABELS[1].into(), String::new());
    assert_eq!(waits(&world, &run), ["Excluded"]);
    world.nodes.remove(&"a".into());
    let status = write(&mut world, &run, NOW);
    assert_eq!(status.nodes.mark(0), Mark::Skipped);
    assert_eq!(granted_at(&world, NOW), ["b"]);
}

#[test]
fn what_is_live_decides_over_what_was_seen() {
    let (mut world, run) = one_by_one(Rollout::default());
    let Some(Decision::Grant { nodes, .. }) = find(&world, |d| matches!(d, Decision::Grant { .. })) else {
        panic!("nothing is granted")
    };
    let may = |world: &Snapshot| allowed(world, &world.runs[&run.name], nodes.clone(), NOW).len();
    assert_eq!(may(&world), 1);
    let mut failed = world.clone();
    end(&mut failed, &run, "b", Outcome::Failed, NOW);
    assert_eq!(may(&failed), 0, "a failure limit that was reached in between");
    let mut begun = world.clone();
    let ledger: Ledger = [Mark::Repaired].into_iter().collect();
    begun.runs.get_mut(&run.name).unwrap().status.nodes = ledger;
    assert_eq!(may(&begun), 0, "a node that was begun before");
    world.pools.get_mut("web").unwrap().budget.max_unavailable = IntOrPercent::Int(0);
    assert_eq!(may(&world), 0, "a budget that was taken away");
}

#[test]
fn a_node_whose_grant_stands_was_begun_though_its_remediation_is_gone() {
    let (mut world, run) = one_by_one(Rollout::default());
    let Some(Decision::Grant { nodes, .. }) = find(&world, |d| matches!(d, Decision::Grant { .. })) else {
        panic!("nothing is granted")
    };
    let grant = Grant {
        remediation: remediation_name(&run.uid, &"a-uid".into()),
        node_uid: "a-uid".into(),
        node: "a".into(),
        zone: None,
        pool: "web".into(),
        run_uid: run.uid.clone(),
        at: NOW,
    };
    world.guard.as_mut().unwrap().grants.push(grant);
    assert!(allowed(&world, &world.runs[&run.name], nodes, NOW).is_empty());
    let status = write(&mut world, &run, NOW);
    assert_eq!((status.nodes.mark(0), status.counts.in_flight), (Mark::Begun, 1));
    // A live read showed that it is not there: nobody knows what became of the node.
    world.guard.as_mut().unwrap().grants.clear();
    let status = write(&mut world, &run, NOW);
    assert_eq!((status.nodes.mark(0), status.phase), (Mark::Failed, RunPhase::Failed));
}

#[test]
fn remediations_without_grants_come_in_only_as_far_as_there_is_room() {
    let (mut world, run) = one_by_one(Rollout::default());
    for name in ["a", "b", "c"] {
        remediate(&mut world, &run, name, Mode::Forward, None);
    }
    world.remediations.values_mut().for_each(|remediation| remediation.journal = None);
    let answers: Vec<_> = lacking(&world, NOW).into_iter().map(|(_, answer)| answer).collect();
    assert_eq!(answers, [Lacking::Complete, Lacking::Complete, Lacking::Wait], "two may be unavailable");
    rollout(&mut world, &run).max_failures = IntOrPercent::Int(0);
    end(&mut world, &run, "d", Outcome::Failed, NOW);
    let withdrawn = lacking(&world, NOW);
    assert_eq!(withdrawn.len(), 3);
    assert!(withdrawn.iter().all(|(_, answer)| matches!(answer, Lacking::Withdraw(_))), "{withdrawn:?}");
}

#[test]
fn what_was_begun_and_lacks_its_grant_counts_as_a_start() {
    let mut world = world();
    let rate = Some(Rate { nodes: 1, per: SOAK });
    world.pools.get_mut("web").unwrap().budget.rate = rate;
    let run = planned(&mut world);
    assert_eq!(granted(&world), ["a"]);
    // The process that made it stopped before it wrote any grant.
    remediate(&mut world, &run, "a", Mode::Forward, None);
    world.remediations.values_mut().for_each(|remediation| remediation.journal = None);
    assert_eq!(granted(&world), [""; 0]);
    assert!(waits(&world, &run).contains(&"Rate".to_owned()));
    // Or it had written the guard's, and another one was made beside it.
    let half = world.remediations.values().next().unwrap();
    let half = Grant {
        remediation: half.name.clone(),
        node_uid: half.node_uid.clone(),
        node: half.node.0.clone(),
        zone: None,
        pool: half.pool.clone(),
        run_uid: half.run_uid.clone(),
        at: NOW,
    };
    world.guard.as_mut().unwrap().grants.push(half.clone());
    remediate(&mut world, &run, "b", Mode::Forward, None);
    world.remediations.values_mut().for_each(|remediation| remediation.journal = None);
    let answers: BTreeMap<_, _> = lacking(&world, NOW).into_iter().collect();
    assert_eq!(answers[&half.remediation], Lacking::Complete);
    assert_eq!(answers.values().filter(|answer| **answer == Lacking::Wait).count(), 1, "{answers:?}");
}
