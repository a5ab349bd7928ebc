//! `get`, `plan`, `explain` and `playbook`: what is shown.

use serde_json::Value;

use crate::cluster::{CHECK, Cluster, NODES};

pub(crate) fn a_cluster_without_the_kinds(cluster: &Cluster) {
    let answer = cluster.ask(&["get", "pools"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("next: nodemend crds | kubectl apply -f -"), "{}", answer.stderr);
}

pub(crate) fn tables_and_objects(cluster: &Cluster) {
    let nodes = cluster.says(&["get", "nodes", "--pool", "web"]);
    let line = nodes.lines().find(|line| line.starts_with(NODES[0])).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), [NODES[0], "web", "Ready", CHECK, "-", "-"]);
    assert!(
        nodes.lines().any(|line| line.starts_with(NODES[1]) && line.contains("not observed yet")),
        "{nodes}"
    );
    assert!(cluster.says(&["get", "policies"]).contains("Observe"));

    let object: Value = serde_json::from_str(&cluster.says(&["get", "pool", "web", "-o", "json"])).unwrap();
    assert_eq!(
        (object["kind"].as_str(), object["metadata"]["name"].as_str()),
        (Some("RepairPool"), Some("web"))
    );
    assert!(object["metadata"]["managedFields"].is_null());
    assert!(cluster.says(&["get", "nodes", "-o", "yaml"]).contains("kind: List"));

    let missing = cluster.ask(&["get", "runs", "nope"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("there is no RepairRun named nope"), "{}", missing.stderr);
    let guard = cluster.ask(&["get", "guard"]);
    assert!(guard.code == Some(1) && guard.stderr.contains("kind: RepairGuard"), "{}", guard.stderr);
}

pub(crate) fn plans(cluster: &Cluster) {
    let plan = cluster.says(&["plan", "--policy", "old-systemd"]);
    assert!(plan.contains("yum -y install systemd-219-78.el7_9.9"), "{plan}");
    assert!(plan.contains("1 of 2 nodes, in 1 batch"), "{plan}");
    assert!(plan.contains("NoFinding"), "why the other node is left out\n{plan}");
    for blocker in ["NoRepairGuard", "NoRepairAccess"] {
        assert!(plan.contains(blocker), "{blocker}\n{plan}");
    }
    let why = cluster.says(&["explain", NODES[0]]);
    assert!(why.contains("policy old-systemd matches, but only observes"), "{why}");
    let shown = cluster.says(&["playbook", "show", "upgrade-systemd"]);
    assert!(shown.contains("targetVersion") && shown.contains("has to be set"), "{shown}");
    let list = cluster.says(&["playbook", "list"]);
    let words = |line: &str| line.split_whitespace().take(3).map(str::to_owned).collect::<Vec<_>>();
    assert!(list.lines().any(|line| words(line) == ["drain-and-reboot", "1.0.0", "yes"]), "{list}");
}
