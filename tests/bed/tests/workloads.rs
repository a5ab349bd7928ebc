//! Pods really run, spread, are drained and are protected by their budget.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeSet;
use std::time::Duration;

use nodemend_bed::workloads::{daemon_set, deployment, manifest, pod_disruption_budget};
use nodemend_bed::{Bed, BedConfig, HostSpec};

/// Images are there and nothing is pulled, so pods are ready within seconds.
const PODS_READY: Duration = Duration::from_secs(30);

fn ready_on(bed: &Bed, app: &str) -> BTreeSet<(String, String)> {
    let answer = bed.kubectl(&["get", "pods", "-l", &format!("app={app}"), "-o", "json"]).unwrap();
    let pods: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let is_ready = |pod: &&serde_json::Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    let leaving = |pod: &serde_json::Value| pod["metadata"]["deletionTimestamp"].is_string();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let pods = pods["items"].as_array().unwrap().iter().filter(is_ready).filter(|pod| !leaving(pod));
    pods.map(|pod| (text(&pod["spec"]["nodeName"]), text(&pod["metadata"]["name"]))).collect()
}

#[test]
fn pods_run_move_at_a_drain_and_are_held_by_their_budget() {
    let hosts = vec![HostSpec::new("wl-1"), HostSpec::new("wl-2")];
    let bed = Bed::start(&BedConfig { name: "workloads".into(), hosts, ..BedConfig::default() }).unwrap();
    bed.apply(&manifest([
        deployment("web", 4, "workers"),
        daemon_set("agent"),
        pod_disruption_budget("web", 1),
    ]))
    .unwrap();
    bed.wait_for("all pods", PODS_READY, || {
        Ok(ready_on(&bed, "web").len() == 4 && ready_on(&bed, "agent").len() == 2)
    })
    .unwrap();
    let nodes: BTreeSet<_> = ready_on(&bed, "web").into_iter().map(|(node, _)| node).collect();
    assert_eq!(nodes.len(), 2, "the pods are spread");
    logs_and_exec_reach_the_kubelet(&bed);
    bed.kubectl(&["drain", "wl-1", "--ignore-daemonsets", "--timeout=60s"]).unwrap();
    bed.wait_for("the pods on the other node", PODS_READY, || {
        let pods = ready_on(&bed, "web");
        Ok(pods.len() == 4 && pods.iter().all(|(node, _)| node == "wl-2"))
    })
    .unwrap();
    a_budget_of_none_refuses_evictions(&bed);
}

fn logs_and_exec_reach_the_kubelet(bed: &Bed) {
    let (_, pod) = ready_on(bed, "web").pop_first().unwrap();
    assert!(bed.kubectl(&["logs", &pod]).unwrap().contains("serving on port 8080"));
    // The image holds nothing but the server, so the refusal comes from the container's own runtime.
    let refused = bed.kubectl(&["exec", &pod, "--", "/no-such-program"]).unwrap_err().to_string();
    assert!(refused.contains("no-such-program") && refused.contains("no such file"), "{refused}");
}

fn a_budget_of_none_refuses_evictions(bed: &Bed) {
    bed.apply(&manifest([pod_disruption_budget("web", 0)])).unwrap();
    let observed = ["get", "pdb", "web", "-o", "jsonpath={.status.disruptionsAllowed}"];
    bed.wait_for("the budget's controller", PODS_READY, || Ok(bed.kubectl(&observed)? == "0")).unwrap();
    let refused =
        bed.kubectl(&["drain", "wl-2", "--ignore-daemonsets", "--timeout=3s"]).unwrap_err().to_string();
    assert!(refused.contains("would violate the pod's disruption budget"), "{refused}");
    assert_eq!(ready_on(bed, "web").len(), 4);
}
