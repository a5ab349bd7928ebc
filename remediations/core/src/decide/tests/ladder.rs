//! What a policy tries on a node after what it has tried: the next playbook, a pause, or nothing more.

use super::*;
use crate::snapshot::{Escalation, Ledger, Mark, Recurrence};

/// A policy of two rungs, whose run over all four nodes ended an hour ago with these marks.
fn tried(marks: [Mark; 4]) -> Snapshot {
    let mut world = world();
    let stronger = Escalation {
        after_failures: 1,
        playbook: PlaybookRef { name: "stronger".into(), version: "^1".into() },
        parameters: policy().parameters,
    };
    world.policies.get_mut("p").unwrap().escalation = vec![stronger];
    let known = world.playbooks.values().next().unwrap().clone();
    let playbook = Playbook { name: "stronger".into(), version: "1.0.0".into(), ..known };
    world.playbooks.insert(playbook.object_name(), playbook);
    let run = planned(&mut world);
    let status = &mut world.runs.get_mut(&run.name).unwrap().status;
    status.nodes = marks.into_iter().collect::<Ledger>();
    (status.phase, status.finished_at) = (RunPhase::Failed, Some(NOW.before(Span::minutes(60))));
    world
}

fn made(world: &Snapshot) -> Option<(String, NodeSelection)> {
    match find(world, |d| matches!(d, Decision::CreateRun { .. }))? {
        Decision::CreateRun { request, .. } => Some((request.playbook.clone(), request.nodes.clone())),
        _ => None,
    }
}

fn why_not(world: &Snapshot) -> Vec<String> {
    match find(world, |d| matches!(d, Decision::PolicyStatus { .. })) {
        Some(Decision::PolicyStatus { status, .. }) => {
            status.blockers.into_iter().map(|blocker| blocker.reason).collect()
        }
        _ => Vec::new(),
    }
}

fn planned_nodes(world: &Snapshot, nodes: NodeSelection, playbook: &str) -> Vec<String> {
    let request = RunRequest { playbook: playbook.into(), ..by_hand("web", nodes, policy().parameters) };
    let draft = crate::plan::build::draft(&Fleet::new(world), &request, NOW).unwrap();
    draft.nodes.into_iter().map(|node| node.name.0).collect()
}

#[test]
fn the_next_playbook_comes_when_this_one_did_not_clear_the_finding() {
    let world = tried([Mark::Failed, Mark::Waiting, Mark::Waiting, Mark::Waiting]);
    let (playbook, nodes) = made(&world).unwrap();
    assert_eq!(playbook, "stronger");
    assert_eq!(planned_nodes(&world, nodes, "stronger"), ["a"]);
    let first = NodeSelection::Policy { name: "p".into(), rung: 0 };
    assert_eq!(planned_nodes(&world, first, "upgrade-systemd"), ["b", "c", "d"], "the others begin below");
}

#[test]
fn escalation_does_not_wait_for_the_pause_between_runs() {
    let mut world = tried([Mark::Failed, Mark::Waiting, Mark::Waiting, Mark::Waiting]);
    world.runs.values_mut().for_each(|run| run.status.finished_at = Some(NOW));
    assert_eq!(made(&world).unwrap().0, "stronger");
}

#[test]
fn a_node_that_was_tried_enough_is_left_to_a_person() {
    let mut world = tried([Mark::Failed; 4]);
    world.policies.get_mut("p").unwrap().limits.max_attempts = 1;
    assert_eq!(made(&world), None);
    assert_eq!(why_not(&world), ["TooManyAttempts"]);
    // Tries are forgotten after a while.
    world.policies.get_mut("p").unwrap().limits.within = Span::minutes(59);
    assert!(made(&world).is_some());
}

#[test]
fn the_same_playbook_waits_before_it_is_tried_on_the_same_node_again() {
    let mut world = tried([Mark::Failed; 4]);
    world.policies.get_mut("p").unwrap().escalation.clear();
    world.policies.get_mut("p").unwrap().limits.node_cool_down = Span::minutes(61);
    assert_eq!((made(&world), why_not(&world)), (None, vec!["CoolsDown".to_owned()]));
    world.policies.get_mut("p").unwrap().limits.node_cool_down = Span::minutes(60);
    assert!(made(&world).is_some());
}

#[test]
fn a_node_that_needs_the_same_repair_again_and_again_has_another_fault() {
    let mut world = tried([Mark::Repaired; 4]);
    world.policies.get_mut("p").unwrap().recurrence =
        Some(Recurrence { max_repairs: 1, within: Span::minutes(120) });
    assert_eq!((made(&world), why_not(&world)), (None, vec!["TooManyAttempts".to_owned()]));
}

#[test]
fn a_first_look_that_is_not_complete_is_waited_for_but_not_for_ever() {
    let mut world = world();
    world.reports.remove(&"d-uid".into());
    assert_eq!((made(&world), why_not(&world)), (None, vec!["FirstLook".to_owned()]));
    let waited =
        crate::blocker::Blocker::new("FirstLook", "repairpool/web", "").since(NOW.before(Span::minutes(2)));
    let status = PolicyStatus { blockers: vec![waited], ..PolicyStatus::default() };
    world.policy_status.insert("p".into(), status);
    assert!(made(&world).is_some());
}

#[test]
fn a_change_that_is_required_has_to_be_named() {
    let mut world = world();
    world.policies.get_mut("p").unwrap().require_change_ref = true;
    assert_eq!((made(&world), why_not(&world)), (None, vec!["ChangeRefRequired".to_owned()]));
    world.policies.get_mut("p").unwrap().change_ref = Some("CHG-1".into());
    assert!(made(&world).is_some());
    let run = planned(&mut world);
    assert_eq!(run.request.change_ref.as_deref(), Some("CHG-1"));
    world.pools.get_mut("web").unwrap().require_change_ref = true;
    assert_eq!(granted(&world), ["a", "b"]);
    world.runs.get_mut(&run.name).unwrap().request.change_ref = None;
    assert_eq!(waits(&world, &run), ["ChangeRefRequired"]);
}
