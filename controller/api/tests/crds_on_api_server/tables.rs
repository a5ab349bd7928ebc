//! What `kubectl get` shows: what something is doing, and what blocks it.

use serde_json::json;

use crate::cluster::Cluster;

pub(crate) fn columns(cluster: &Cluster) {
    let blocker = json!({
        "reason": "Budget", "object": "repairpool/web", "next": "waits for a node to come back",
    });
    let counts = json!({"planned": 4, "inFlight": 1, "repaired": 2, "failed": 0, "held": 0});
    let status = json!({"status": {"phase": "Running", "counts": counts, "blockers": [blocker]}});
    cluster.patch("repairrun/first", "status", &status);
    let step = |name: &str, state: &str| json!({"name": name, "phase": "Repair", "state": state});
    let steps = json!([step("confirm", "Succeeded"), step("install", "Started"), step("reboot", "Pending")]);
    cluster.patch("remediation/r-1", "status", &json!({"status": {"steps": steps, "mode": "Forward"}}));
    let run = ["first", "web", "upgrade-systemd", "Running", "4", "1", "2", "0", "0", "repairpool/web"];
    shows(cluster, "rrun", &run);
    shows(cluster, "rem", &["r-1", "n1", "first", "Forward", "install"]);
    shows(cluster, "dreport", &["u1.prober", "n1", "prober", "1", "0", "a", "says", "Fail"]);
    shows(cluster, "rguard", &["cluster", "2", "8"]);
    shows(cluster, "rpool", &["web", "20%"]);
    shows(cluster, "rpolicy", &["old-systemd", "Observe", "upgrade-systemd", "^1.0"]);
    shows(cluster, "holds", &["freeze", r#"{"pool":{"name":"web"}}"#, "ops", "change", "freeze"]);
    shows(cluster, "playbooks", &["upgrade-systemd-1.0.0", "upgrade-systemd", "1.0.0", "High"]);
    shows(cluster, "planpages", &["first-page-1", "first", "1"]);
    shows(cluster, "nodemend", &["repairpool.nodemend.dev/web", "20%"]);
}

/// Some line must begin with `cells`; cells without a value do not show.
fn shows(cluster: &Cluster, kind: &str, cells: &[&str]) {
    let table = cluster.kubectl(&["get", kind]);
    let begins = |line: &str| {
        let line: Vec<_> = line.split_whitespace().filter(|cell| *cell != "<none>").collect();
        line.starts_with(cells)
    };
    assert!(table.lines().any(begins), "no line with {cells:?}:\n{table}");
}
