//! What a drain costs the API server, counted by the API server.

use std::collections::BTreeMap;
use std::time::Instant;

use nodemend_bed::workloads::{daemon_set, deployment, manifest};
use nodemend_core::drain::DrainProgress;
use nodemend_core::op::{Op, OpResult};

use crate::rig::{DEADLINE, Rig, mark};

/// The controller's user name.
const CONTROLLER: &str = "system:serviceaccount:nodemend-system:nodemend";
const PODS: u32 = 20;

pub(crate) fn a_drain_asks_once_per_pod_and_little_more(rig: &Rig) {
    rig.bed.kubectl(&["delete", "deployment/web"]).unwrap();
    without_pods(rig, "web");
    rig.bed.apply(&manifest([deployment("many", PODS, "workers"), daemon_set("agent")])).unwrap();
    rig.bed.kubectl(&["rollout", "status", "deployment/many", "--timeout=60s"]).unwrap();
    rig.bed.kubectl(&["rollout", "status", "daemonset/agent", "--timeout=60s"]).unwrap();
    assert_eq!(rig.perform(&Op::Cordon(mark())), OpResult::Cordoned(mark()));
    let before = rig.bed.audit_events().unwrap().len();
    let begun = Instant::now();
    let rounds = until_done(rig);
    let took = begun.elapsed();
    let asked = requests(rig, before);
    assert_eq!(asked.get("create pods/eviction"), Some(&PODS), "{asked:?}");
    for (request, most) in
        [("list pods", rounds), ("watch pods", rounds), ("get nodes", rounds), ("get daemonsets", 1)]
    {
        let count = asked.get(request).copied().unwrap_or_default();
        assert!(count <= most, "{request}: {count}, {most} may be: {asked:?}");
    }
    let all: u32 = asked.values().sum();
    println!("{PODS} pods left in {rounds} rounds, {all} requests and {} ms: {asked:?}", took.as_millis());
    assert!(all <= PODS + 4 * rounds, "{asked:?}");
    assert_eq!(rig.perform(&Op::Uncordon(mark())), OpResult::Uncordoned);
    rig.bed.kubectl(&["delete", "deployment/many", "daemonset/agent"]).unwrap();
    without_pods(rig, "many");
}

fn without_pods(rig: &Rig, app: &str) {
    let selector = format!("app={app}");
    let gone = || Ok(rig.bed.kubectl(&["get", "pods", "-l", &selector, "-o", "name"])?.is_empty());
    rig.bed.wait_for("the pods to go", DEADLINE, gone).unwrap();
}

fn until_done(rig: &Rig) -> u32 {
    let begun = Instant::now();
    for round in 1.. {
        let progress: DrainProgress = rig.drain();
        if progress.is_done() {
            return round;
        }
        assert!(begun.elapsed() < DEADLINE, "{progress:?}");
    }
    0
}

/// Requests of the controller since then, by verb and resource.
fn requests(rig: &Rig, before: usize) -> BTreeMap<String, u32> {
    let mut asked: BTreeMap<String, u32> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for event in rig.bed.audit_events().unwrap().iter().skip(before) {
        let user = event["impersonatedUser"]["username"].as_str().or(event["user"]["username"].as_str());
        // A watch has two lines, one when it begins.
        if user != Some(CONTROLLER) || !seen.insert(event["auditID"].to_string()) {
            continue;
        }
        let of = &event["objectRef"];
        let part = of["subresource"].as_str().map(|part| format!("/{part}")).unwrap_or_default();
        let request = format!(
            "{} {}{part}",
            event["verb"].as_str().unwrap_or_default(),
            of["resource"].as_str().unwrap_or_default()
        );
        *asked.entry(request).or_default() += 1;
    }
    asked
}
