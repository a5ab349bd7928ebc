//! `run` and `abort`.

use serde_json::json;

use crate::cluster::{Cluster, NODES};

pub(crate) fn nothing_is_created_by_accident(cluster: &Cluster) {
    let answer = cluster.ask(&["run", "--policy", "old-systemd"]);
    assert!(answer.code == Some(2) && answer.stderr.contains("no terminal"), "{}", answer.stderr);
    let check = "node.systemd-dbus";
    let empty =
        cluster.says(&["run", "--pool", "web", "--check", check, "--playbook", "drain-and-reboot", "--yes"]);
    assert!(empty.contains("Nothing was created"), "{empty}");
    assert!(cluster.names("repairruns").is_empty());
}

/// Creates a run of both nodes and returns its name.
pub(crate) fn a_run_is_created(cluster: &Cluster) -> String {
    let [first, second] = NODES;
    let flags = ["--playbook", "drain-and-reboot", "--batch", "1", "--change-ref", "CHG-1", "--yes"];
    let said = cluster.says(&[&["run", "--node", first, second][..], &flags].concat());
    let name = cluster.names("repairruns").pop().unwrap();
    assert!(said.contains(&format!("repairrun/{name} created")), "{said}");
    let spec = cluster.object("repairrun", &name)["spec"].clone();
    assert_eq!(
        (&spec["pool"], &spec["version"], &spec["changeRef"]),
        (&json!("web"), &json!("1.0.0"), &json!("CHG-1"))
    );
    assert_eq!(spec["nodes"]["named"]["names"], json!(NODES));
    assert_eq!(spec["rollout"]["batches"], json!([1]));
    let user = cluster.kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(spec["requestedBy"], user.trim());
    assert!(spec["startBefore"].is_string());
    name
}

pub(crate) fn a_run_is_aborted_once(cluster: &Cluster) {
    cluster.says(&["run", "--node", NODES[0], "--playbook", "drain-and-reboot", "--name", "wrong", "--yes"]);
    let said = cluster.says(&["abort", "wrong", "--reason", "wrong node"]);
    assert!(said.contains("run wrong is aborted"), "{said}");
    let again = cluster.says(&["abort", "wrong", "--reason", "really"]);
    assert!(again.contains("was aborted already by") && again.contains("wrong node"), "{again}");
    let operations = cluster.object("repairrun", "wrong")["spec"]["operations"].clone();
    assert_eq!(operations.as_array().unwrap().len(), 1);
    assert_eq!((&operations[0]["verb"], &operations[0]["reason"]), (&json!("abort"), &json!("wrong node")));
    cluster.patch_status("repairrun", "wrong", &json!({"phase": "Aborted"}));
    let over = cluster.ask(&["abort", "wrong", "--reason", "x"]);
    assert!(over.code == Some(1) && over.stderr.contains("over already: Aborted"), "{}", over.stderr);
}
