//! `uninstall`, where no controller is left to wait for.

use serde_json::{Value, json};

use crate::cluster::{Cluster, NODES};

/// What keeps an object until the controller has taken it off.
const FINALIZER: &str = "nodemend.dev/unfinished";

pub(crate) fn nothing_hangs_without_a_controller(cluster: &Cluster) {
    let node = NODES[1];
    something_is_left(cluster, node);
    let asked = cluster.ask(&["uninstall"]);
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{}", asked.stderr);
    for part in ["delete 1 policy: old-systemd", "abort 1 run: stuck", "delete 1 Hold: ", node] {
        assert!(asked.stdout.contains(part), "{part} in {}", asked.stdout);
    }
    assert_eq!(cluster.object("node", node)["spec"]["unschedulable"], true, "nothing was done without a yes");

    let said = cluster.says(&["uninstall", "--yes", "--patience", "1s"]);
    assert!(said.contains("the controller is gone"), "{said}");
    assert!(said.contains(&format!("node {node}: its cordon is lifted")), "{said}");
    let after = cluster.object("node", node);
    let mark = &after["metadata"]["annotations"]["nodemend.dev/cordon"];
    assert_eq!((&after["spec"]["unschedulable"], mark), (&Value::Null, &Value::Null));
    assert!(cluster.names("holds").is_empty() && cluster.names("repairpolicies").is_empty());
    let stuck = cluster.object("repairrun", "stuck");
    assert_eq!(
        stuck["spec"]["operations"][0]["verb"], "abort",
        "a controller that comes back starts nothing"
    );
    cluster.kubectl(&["delete", "repairrun", "stuck", "--timeout=10s"]);

    let again = cluster.says(&["uninstall", "--yes"]);
    assert!(again.contains("nothing to end"), "{again}");
}

/// A run that waits for a controller, a Hold, and a node whose repair is gone.
fn something_is_left(cluster: &Cluster, node: &str) {
    let flags = ["--playbook", "drain-and-reboot", "--name", "stuck", "--yes"];
    cluster.says(&[&["run", "--node", node][..], &flags].concat());
    let finalizers = json!({"metadata": {"finalizers": [FINALIZER]}}).to_string();
    cluster.kubectl(&["patch", "repairrun", "stuck", "--type=merge", "-p", &finalizers]);
    cluster.says(&["stop", "--pool", "web", "--reason", "incident"]);
    let mark = json!({
        "remediation": "gone", "run": "gone", "runUid": "gone", "since": "2026-01-31T22:00:00Z",
        "wasUnschedulable": false, "changesHost": false,
    });
    let cordoned = json!({
        "metadata": {"annotations": {"nodemend.dev/cordon": mark.to_string()}},
        "spec": {"unschedulable": true},
    });
    cluster.kubectl(&["patch", "node", node, "--type=merge", "-p", &cordoned.to_string()]);
}
