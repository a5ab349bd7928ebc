//! Which nodes a plan has, in which order and batches, and what its digest covers.

use super::*;
use crate::ids::Digest;
use crate::plan::build::{Draft, PlanError, draft};
use crate::plan::page::{Sealed, plan_digest, seal};
use crate::plan::{PAGE_SIZE, PlannedNode};

fn by_finding(parameters: BTreeMap<String, String>) -> RunRequest {
    by_hand("web", NodeSelection::Findings { checks: vec!["c".into()] }, parameters)
}

fn drafted(world: &Snapshot) -> Draft {
    draft(&Fleet::new(world), &by_finding(policy().parameters), NOW).unwrap()
}

fn order(draft: &Draft) -> Vec<(&str, u32)> {
    draft.nodes.iter().map(|node| (node.name.as_str(), node.batch)).collect()
}

fn finding<'a>(world: &'a mut Snapshot, node: &str) -> &'a mut CheckResult {
    let reports = world.reports.get_mut(&format!("{node}-uid").into()).unwrap();
    reports.get_mut(PROBER).unwrap().results.get_mut(&"c".into()).unwrap()
}

#[test]
fn broken_nodes_go_first_then_the_worst_then_the_oldest_finding() {
    let mut world = world();
    world.nodes.insert("d".into(), node("d", "Unknown"));
    finding(&mut world, "c").severity = Severity::Critical;
    finding(&mut world, "a").failing_since = Some(Time(9));
    assert_eq!(order(&drafted(&world)), [("d", 0), ("c", 0), ("b", 1), ("a", 1)]);
}

#[test]
fn batches_are_those_of_the_rollout_and_the_last_is_repeated() {
    let world = world();
    let sizes = |batches: Vec<IntOrPercent>| {
        let mut request = by_finding(policy().parameters);
        request.rollout.batches = batches;
        draft(&Fleet::new(&world), &request, NOW)
            .map(|d| d.nodes.iter().map(|node| node.batch).collect::<Vec<_>>())
    };
    assert_eq!(sizes(vec![IntOrPercent::Int(1), IntOrPercent::Int(2)]).unwrap(), [0, 1, 1, 2]);
    assert_eq!(sizes(vec![IntOrPercent::Percent("50%".into())]).unwrap(), [0, 0, 1, 1]);
    assert_eq!(sizes(vec![IntOrPercent::Int(0)]).unwrap(), [0, 1, 2, 3], "none would never end");
    assert_eq!(sizes(Vec::new()).unwrap(), [0, 0, 1, 1], "as many as the budget lets through");
    assert!(matches!(sizes(vec![IntOrPercent::Percent("many".into())]), Err(PlanError::Batches(_))));
}

#[test]
fn a_node_by_name_needs_no_finding_and_others_say_why_not() {
    let mut world = world();
    world.reports.clear();
    let names = vec!["b".into(), "nobody".into()];
    let request = by_hand("web", NodeSelection::Named { names }, policy().parameters);
    let draft = draft(&Fleet::new(&world), &request, NOW).unwrap();
    assert_eq!(order(&draft), [("b", 0)]);
    let reasons: Vec<_> = draft.considered.iter().map(|c| (c.node.as_str(), c.reason)).collect();
    let left_out = "NotSelected";
    assert_eq!(
        reasons,
        [("a", left_out), ("b", "Planned"), ("c", left_out), ("d", left_out), ("nobody", "NotFound")]
    );
}

/// Why node `a` is left out when these versions are installed on it.
fn left_out(installed: &[&str]) -> Option<&'static str> {
    let mut world = world();
    let reports = world.reports.get_mut(&"a-uid".into()).unwrap();
    let versions = installed.iter().map(|version| (*version).to_owned()).collect();
    reports.get_mut(PROBER).unwrap().packages.insert("systemd".into(), versions);
    let draft = drafted(&world);
    draft.considered.into_iter().find(|c| c.node.0 == "a" && !c.included).map(|c| c.reason)
}

#[test]
fn every_installed_version_is_held_against_the_target() {
    assert_eq!(left_out(&["219-62.el7"]), None);
    assert_eq!(left_out(&["219-78.el7_9.9"]), None, "the check says that it fails, not the version");
    assert_eq!(left_out(&["219-80.el7"]), Some("WouldDowngrade"));
    assert_eq!(left_out(&["239-15.el8"]), Some("OtherDistribution"));
    // An interrupted transaction leaves two.
    assert_eq!(left_out(&["219-62.el7", "219-78.el7_9.9"]), None);
    for newer in [["219-62.el7", "219-80.el7"], ["219-80.el7", "219-62.el7"]] {
        assert_eq!(left_out(&newer), Some("WouldDowngrade"));
    }
    for other in [["219-62.el7", "239-15.el8"], ["239-15.el8", "219-62.el7"]] {
        assert_eq!(left_out(&other), Some("OtherDistribution"));
    }
    assert_eq!(left_out(&[]), None, "what is not known is found out by confirm");
}

#[test]
fn a_host_that_the_playbook_is_not_for_is_left_out() {
    let mut world = world();
    world.nodes.get_mut(&NodeName::from("a")).unwrap().architecture = "s390x".into();
    let reports = world.reports.get_mut(&"b-uid".into()).unwrap();
    reports.get_mut(PROBER).unwrap().os_id = Some("debian".into());
    // Not known is not another one.
    let reports = world.reports.get_mut(&"c-uid".into()).unwrap();
    reports.get_mut(PROBER).unwrap().os_id = None;
    let reasons: Vec<_> = drafted(&world).considered.iter().map(|c| c.reason).collect();
    assert_eq!(reasons, ["OtherArchitecture", "OtherSystem", "Planned", "Planned"]);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_by_name() {
    let world = world();
    let refused = |request: RunRequest| draft(&Fleet::new(&world), &request, NOW).unwrap_err().to_string();
    let request = || by_finding(policy().parameters);
    let pool = refused(RunRequest { pool: "db".into(), ..request() });
    assert!(pool.starts_with("RepairPool db does not exist"), "{pool}");
    let playbook = refused(RunRequest { version: "9.9.9".into(), ..request() });
    assert!(playbook.starts_with("Playbook upgrade-systemd-9.9.9 does not exist"), "{playbook}");
    let policy = NodeSelection::Policy { name: "nobody".into(), rung: 0 };
    let policy = refused(RunRequest { nodes: policy, ..request() });
    assert!(policy.starts_with("RepairPolicy nobody does not exist"), "{policy}");
    let parameter = refused(by_finding(BTreeMap::new()));
    assert!(parameter.contains("`targetVersion`"), "{parameter}");
}

fn sealed(world: &Snapshot, run: &str, request: &RunRequest) -> Sealed {
    let draft = draft(&Fleet::new(world), request, NOW).unwrap();
    seal(&run.into(), draft.header, &draft.nodes).unwrap()
}

#[test]
fn the_digest_changes_with_everything_that_decides_what_is_done() {
    let plain = || by_finding(policy().parameters);
    let digest = |run: &str, change: fn(&mut Snapshot), request: RunRequest| -> Digest {
        let mut world = world();
        change(&mut world);
        sealed(&world, run, &request).digest
    };
    let known = digest("run", |_| {}, plain());
    assert_eq!(known, digest("run", |_| {}, plain()), "the same is the same");
    let mut rollout = plain();
    rollout.rollout.max_failures = IntOrPercent::Int(1);
    let target = BTreeMap::from([("targetVersion".to_owned(), "219-78.el7_9.8".to_owned())]);
    let others = [
        digest("other", |_| {}, plain()),
        digest("run", |_| {}, rollout),
        digest("run", |_| {}, by_finding(target)),
        digest("run", |world| world.playbooks.values_mut().for_each(|p| p.summary.push('.')), plain()),
        digest("run", |world| drop(world.nodes.remove(&NodeName::from("d"))), plain()),
        digest("run", |world| world.nodes.get_mut(&NodeName::from("a")).unwrap().uid = "x".into(), plain()),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, known, "change {index}");
    }
}

#[test]
fn a_plan_is_cut_into_pages_whose_digests_the_plan_binds() {
    let world = world();
    let header = drafted(&world).header;
    let node = |number: usize| PlannedNode {
        name: format!("n{number}").into(),
        uid: format!("n{number}-uid").into(),
        provider_id: None,
        evidence: Vec::new(),
        batch: 0,
    };
    let nodes: Vec<_> = (0..=PAGE_SIZE).map(node).collect();
    let sealed = seal(&"run".into(), header, &nodes).unwrap();
    let sizes: Vec<_> = sealed.pages.iter().map(|page| (page.header.is_some(), page.nodes.len())).collect();
    assert_eq!(sizes, [(true, 0), (false, PAGE_SIZE), (false, 1)]);
    assert_eq!(plan_digest(&"run".into(), &sealed.page_digests).unwrap(), sealed.digest);
    let swapped: Vec<_> = [0, 2, 1].map(|index: usize| sealed.page_digests[index].clone()).into();
    assert_ne!(plan_digest(&"run".into(), &swapped).unwrap(), sealed.digest);
}

#[test]
fn a_run_whose_pages_are_not_all_seen_waits() {
    let mut world = world();
    let run = planned(&mut world);
    world.pages.get_mut(&run.uid).unwrap().remove(&1);
    assert!(granted(&world).is_empty());
    assert_eq!(waits(&world, &run), ["PlanIncomplete"]);
}

#[test]
fn a_planned_node_that_is_gone_or_another_machine_is_left_out() {
    let mut world = world();
    let run = planned(&mut world);
    world.nodes.remove(&NodeName::from("a"));
    world.nodes.get_mut(&NodeName::from("b")).unwrap().uid = "another".into();
    let counts = status_of(&world, &run).unwrap().counts;
    assert_eq!((counts.skipped, counts.replaced), (1, 1));
    assert_eq!(granted(&world), ["c", "d"]);
}
