//! Nodes that cannot or must not be repaired: they keep serving, and the run says why.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nodemend_bed::fault::Fault;
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use nodemend_bed::workloads::{deployment, pod_disruption_budget};
use nodemend_e2e::Stage;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::{self, API_VERSION};
use nodemend_e2e::proof::{HostState, NodeState};
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::{OVER, with_pool};

/// The playbook with a drain that gives up soon, as its next version.
const IMPATIENT: &str = "1.0.1";
/// How long that drain may take.
const PATIENCE: &str = "15s";
/// How long a package transaction by hand may take while ten pools are repaired beside it on two cores. Playbooks allow 15 minutes.
const TRANSACTION: Duration = OVER;

#[test]
fn a_host_with_a_wrong_key_is_not_touched() {
    let stage = with_pool("stranger");
    let host = stage.host("stranger").unwrap();
    let (start, before) = (Timestamp::now(), HostState::of(host).unwrap());
    host.inject(Fault::HostKeyChanged).unwrap();
    stage.apply([run_by_hand("stranger")]).unwrap();
    let run = stage.run_that("stranger", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Failed", "{}", run.summary());
    assert!(run.message().contains("stranger") && run.message().contains("host key"), "{}", run.summary());
    it_was_left_alone(&stage, "stranger", start, &before);
}

/// A run that names its node: a policy would wait for a finding, and a host that cannot be trusted tells none.
fn run_by_hand(node: &str) -> Value {
    let start_before = Timestamp::now() + SignedDuration::from_hours(1);
    json!({
        "apiVersion": API_VERSION, "kind": "RepairRun", "metadata": {"name": format!("{node}-by-hand")},
        "spec": {
            "pool": node, "playbook": "upgrade-systemd", "version": "1.0.0",
            "parameters": {"targetVersion": NEW_SYSTEMD}, "nodes": {"named": {"names": [node]}},
            "requestedBy": "tester", "startBefore": start_before.to_string(),
        },
    })
}

#[test]
fn without_a_repository_no_node_is_cordoned() {
    let stage = with_pool("cutoff");
    let host = stage.host("cutoff").unwrap();
    let (start, before) = (Timestamp::now(), HostState::of(host).unwrap());
    host.inject(Fault::RepositoryGone).unwrap();
    stage.apply([objects::policy("cutoff", "=1.0.0")]).unwrap();
    let run = stage.run_that("cutoff", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Failed", "{}", run.summary());
    let journals = stage.journals(run.name()).unwrap();
    assert_eq!(journals[0].0["status"]["reason"], "RepositoryUnavailable", "{}", journals[0].summary());
    assert!(run.message().contains("step prepare failed"), "{}", run.summary());
    it_was_left_alone(&stage, "cutoff", start, &before);
}

#[test]
fn a_budget_that_never_allows_is_named_and_the_node_not_touched() {
    let stage = with_pool("guarded");
    let (start, before) = (Timestamp::now(), HostState::of(stage.host("guarded").unwrap()).unwrap());
    stage.bed().apply(&impatient_playbook()).unwrap();
    stage.apply([deployment("precious", 1, "guarded"), pod_disruption_budget("precious", 0)]).unwrap();
    stage.bed().kubectl(&["rollout", "status", "deployment/precious", "--timeout=60s"]).unwrap();
    let pod = pod_of(&stage, "precious");
    stage.apply([objects::policy("guarded", &format!("={IMPATIENT}"))]).unwrap();
    let blocked = stage.journal_that("guarded", "names the budget", OVER, |journal| {
        journal.blockers().iter().any(|blocker| blocker["object"] == "poddisruptionbudget/default/precious")
    });
    blocked.unwrap();
    let run = stage.run_that("guarded", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Failed", "{}", run.summary());
    assert!(run.message().contains("poddisruptionbudget/default/precious"), "{}", run.summary());
    assert_eq!(NodeState::of(&stage, "guarded").unwrap(), NodeState::default());
    let witness = Witness::since(&stage, start).unwrap();
    assert!(!witness.cordoned("guarded"), "found out before the cordon");
    assert!(witness.evictions().iter().all(|eviction| eviction.pod != pod), "the pod was evicted");
    assert_eq!(pod_of(&stage, "precious"), pod);
    assert_eq!(HostState::of(stage.host("guarded").unwrap()).unwrap(), before);
}

fn impatient_playbook() -> String {
    let released = include_str!("../../../../playbooks/upgrade-systemd/1.0.0.yaml");
    let patient = "drain:\n          deleteEmptyDirData: true\n      timeout: 15m";
    assert!(released.contains(patient), "the released playbook's drain is written in another way now");
    released.replace(patient, &patient.replace("15m", PATIENCE)).replace("1.0.0", IMPATIENT)
}

fn pod_of(stage: &Stage, app: &str) -> String {
    let request = ["get", "pods", "-l", &format!("app={app}"), "-o", "jsonpath={.items[*].metadata.name}"];
    stage.bed().kubectl(&request).unwrap()
}

#[test]
fn a_finding_that_clears_by_itself_is_cleared() {
    let stage = with_pool("passing");
    let host = stage.host("passing").unwrap();
    let start = Timestamp::now();
    stage.apply([objects::hold("passing", &json!({"pool": {"name": "passing"}}))]).unwrap();
    stage.apply([objects::policy("passing", "=1.0.0")]).unwrap();
    stage.run_that("passing", "is planned and held", OVER, |run| run.blocker("Hold").is_some()).unwrap();
    let by_hand =
        host.ssh_within(TRANSACTION, &format!("sudo yum -y -q upgrade systemd-{NEW_SYSTEMD}")).unwrap();
    assert!(by_hand.success(), "{}", by_hand.stderr);
    let before = HostState::of(host).unwrap();
    stage.delete("hold", "passing").unwrap();
    let run = stage.run_that("passing", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(
        (run.phase(), &run.0["status"]["counts"]["cleared"]),
        ("Succeeded", &json!(1)),
        "{}",
        run.summary()
    );
    it_was_left_alone(&stage, "passing", start, &before);
}

#[test]
fn a_fixed_z_stream_is_left_alone_and_an_unfixed_one_repaired() {
    let stage = with_pool("zstream");
    let (start, before) = (Timestamp::now(), HostState::of(stage.host("fixed").unwrap()).unwrap());
    assert_eq!(stage.check_state("fixed", "insp.version.systemd").unwrap(), "Pass");
    assert_eq!(stage.check_state("unfixed", "insp.version.systemd").unwrap(), "Fail");
    stage.apply([objects::policy("zstream", "=1.0.0")]).unwrap();
    let run = stage.run_that("zstream", "is over", OVER, Run::is_over).unwrap();
    let counts = &run.0["status"]["counts"];
    assert_eq!((&counts["planned"], &counts["repaired"]), (&json!(1), &json!(1)), "{}", stage.situation());
    let repaired = HostState::of(stage.host("unfixed").unwrap()).unwrap();
    assert_eq!((repaired.package.as_str(), repaired.running.as_str()), (NEW_SYSTEMD, NEW_SYSTEMD));
    assert_ne!(before.package, OLD_SYSTEMD);
    it_was_left_alone(&stage, "fixed", start, &before);
}

/// Not cordoned at any time, not restarted, the same package.
fn it_was_left_alone(stage: &Stage, node: &str, start: Timestamp, before: &HostState) {
    assert!(!Witness::since(stage, start).unwrap().cordoned(node), "{node} was cordoned");
    assert_eq!(&HostState::of(stage.host(node).unwrap()).unwrap(), before);
    assert_eq!(NodeState::of(stage, node).unwrap(), NodeState::default());
}
