//! Services of a node that have stopped or hang: restarted under running pods, without cordon, drain or reboot.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::fault::Fault;
use nodemend_bed::workloads::deployment;
use nodemend_e2e::Stage;
use nodemend_e2e::journal::{Journal, Run, time};
use nodemend_e2e::objects::API_VERSION;
use nodemend_e2e::proof::{HostState, NodeState};
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::{OVER, with_pool};

/// Until the prober has found a fault: its interval is 5 s, a kubelet that says nothing takes 10 s more.
const FOUND: Duration = Duration::from_mins(1);
/// A PID 1 that hangs is recognised after 5 s; the rest is for a busy machine.
const SECONDS: i64 = 60;
const PROCESS: &str = "node.kubelet-process";
const HEALTHZ: &str = "node.kubelet-healthz";
const RUNTIME: &str = "node.runtime-process";

#[test]
fn a_stopped_kubelet_is_started_again_under_its_pods() {
    repaired_by_a_restart(
        "stopped",
        Fault::KubeletStopped,
        &[(PROCESS, "Fail"), (HEALTHZ, "Fail")],
        "restart-kubelet",
    );
}

/// Systemd says that it is active; only its own health check tells.
#[test]
fn a_frozen_kubelet_is_restarted_under_its_pods() {
    let found = [(HEALTHZ, "Fail"), (PROCESS, "Pass")];
    repaired_by_a_restart("frozen", Fault::KubeletFrozen, &found, "restart-kubelet");
}

#[test]
fn a_stopped_containerd_is_started_again_under_its_pods() {
    repaired_by_a_restart(
        "runtime",
        Fault::ContainerdStopped,
        &[(RUNTIME, "Fail"), (PROCESS, "Pass")],
        "restart-containerd",
    );
}

/// On a pool with one node of its name: what the checks find, a policy on the first of them repairs by `playbook`, and
/// nothing else happens.
fn repaired_by_a_restart(pool: &str, fault: Fault, found: &[(&str, &str)], playbook: &str) {
    let stage = with_pool(pool);
    let host = stage.host(pool).unwrap();
    stage.apply([deployment(pool, 2, pool)]).unwrap();
    stage.bed().kubectl(&["rollout", "status", &format!("deployment/{pool}"), "--timeout=60s"]).unwrap();
    for check in [PROCESS, HEALTHZ, RUNTIME] {
        assert_eq!(stage.check_state(pool, check).unwrap(), "Pass", "{check} before the fault");
    }
    let (start, before, pods) = (Timestamp::now(), HostState::of(host).unwrap(), pods(&stage, pool));
    host.inject(fault).unwrap();
    is_found(&stage, pool, found);
    stage.apply([policy(pool, found[0].0, playbook)]).unwrap();
    let run = stage.run_that(pool, "is over", OVER, Run::is_over).unwrap();
    assert_eq!(
        (run.phase(), &run.0["status"]["counts"]["repaired"]),
        ("Succeeded", &json!(1)),
        "{}",
        stage.situation()
    );
    assert_eq!(ready(&stage, pool), "True");
    stage.reported(&[pool], Timestamp::now()).unwrap();
    assert_eq!(stage.check_state(pool, found[0].0).unwrap(), "Pass");
    assert_eq!(self::pods(&stage, pool), pods, "the same pods, none of whose containers was restarted");
    it_kept_serving(&stage, pool, start, &before);
}

#[test]
fn where_pid1_hangs_no_service_can_be_restarted_and_the_node_is_left_free() {
    let stage = with_pool("locked");
    let host = stage.host("locked").unwrap();
    let (start, before) = (Timestamp::now(), HostState::of(host).unwrap());
    host.inject(Fault::KubeletFrozen).unwrap();
    host.inject(Fault::Pid1Hung).unwrap();
    is_found(&stage, "locked", &[(HEALTHZ, "Fail"), (PROCESS, "Unknown")]);
    stage.apply([policy("locked", HEALTHZ, "restart-kubelet")]).unwrap();
    let run = stage.run_that("locked", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Failed", "{}", stage.situation());
    let journal = stage.journals(run.name()).unwrap().remove(0);
    assert_eq!(
        (journal.outcome(), &journal.0["status"]["reason"]),
        ("Failed", &json!("ManagerSilent")),
        "{}",
        journal.summary()
    );
    assert!(journal.message().contains("PID 1 does not answer"), "{}", journal.summary());
    assert!(duration(&journal, "restart") < SECONDS, "told in seconds: {}", journal.summary());
    it_kept_serving(&stage, "locked", start, &before);
}

/// Reports are written as a whole, so all states are of one reading once they are as they should be.
fn is_found(stage: &Stage, node: &str, found: &[(&str, &str)]) {
    stage
        .eventually(&format!("{found:?} on {node}"), FOUND, || {
            for (check, state) in found {
                if stage.check_state(node, check)? != *state {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .unwrap();
}

/// Not cordoned at any time, nothing evicted, not restarted, without a mark of ours.
fn it_kept_serving(stage: &Stage, node: &str, start: Timestamp, before: &HostState) {
    let witness = Witness::since(stage, start).unwrap();
    assert!(!witness.cordoned(node), "{node} was cordoned");
    let evicted = |pod: &str| pod.starts_with(node);
    assert!(!witness.tried_evictions().iter().any(|eviction| evicted(&eviction.pod)), "{node} was drained");
    assert_eq!(&HostState::of(stage.host(node).unwrap()).unwrap(), before);
    assert_eq!(NodeState::of(stage, node).unwrap(), NodeState::default());
}

/// A policy of the pool's name that answers one finding with one playbook.
fn policy(pool: &str, check: &str, playbook: &str) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "RepairPolicy", "metadata": {"name": pool},
        "spec": {
            "mode": "Enforce", "match": {"findings": [{"check": check}]}, "pools": [pool],
            "playbook": {"name": playbook, "version": "=1.0.0"}, "limits": {"coolDown": "10m"},
        },
    })
}

/// The pods of a workload by UID, each with its containers' ids and restarts.
fn pods(stage: &Stage, app: &str) -> BTreeMap<String, Vec<(String, u64)>> {
    let pods = stage.list("pods").unwrap().into_iter().filter(|pod| pod["metadata"]["labels"]["app"] == app);
    let containers = |pod: &Value| {
        let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        let one = |status: &Value| {
            (status["containerID"].as_str().unwrap().to_owned(), status["restartCount"].as_u64().unwrap())
        };
        statuses.map(one).collect()
    };
    pods.map(|pod| (pod["metadata"]["uid"].as_str().unwrap().to_owned(), containers(&pod))).collect()
}

fn ready(stage: &Stage, node: &str) -> String {
    let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    stage.bed().kubectl(&["get", "node", node, "-o", path]).unwrap()
}

/// How many seconds a step took.
fn duration(journal: &Journal, step: &str) -> i64 {
    let steps = journal.0["status"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|record| record["name"] == step).unwrap();
    let at = |key: &str| time(&step[key]).unwrap().as_second();
    at("finishedAt") - at("startedAt")
}
