//! Several controllers at once: one leads, another follows when it dies or is stopped, and what is late is refused.
//!
//! Each runs as in a pod of its own: it sees no process of the others, so that only the Lease says who leads.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_e2e::journal::{Journal, Run};
use nodemend_e2e::objects::{self, NAMESPACE, PoolSpec};
use nodemend_e2e::proof::{self, HostState};
use nodemend_e2e::replica::Replica;
use nodemend_e2e::witness::Witness;
use nodemend_e2e::{Stage, program};
use serde_json::{Value, json};

/// What is promised: a leader that is killed is followed within so long.
const FOLLOWED: Duration = Duration::from_secs(20);
/// A process that has lost its Lease ends within so long after it can do anything again.
const ENDED: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_mins(1);
const OVER: Duration = Duration::from_mins(4);
/// Hosts, each a pool of its own: one for each thing that happens to a leader.
const HOSTS: [&str; 3] = ["killed", "stopped", "restored"];

/// The first command that takes the host's lock while `/run/gate` is there waits until `/run/gate.taken` is gone: a command
/// that arrives late. It holds nothing yet, and all others pass.
const GATE: &str = "printf '%s\\n' '#!/bin/sh' \
    'if mv /run/gate /run/gate.taken 2>/dev/null; then while [ -e /run/gate.taken ]; do sleep 0.1; done; fi' \
    'exec /bin/mkdir \"$@\"' >/usr/local/bin/mkdir && chmod 755 /usr/local/bin/mkdir && touch /run/gate";

#[test]
fn one_leads_and_another_follows_and_nothing_is_done_twice() {
    let stage = stage();
    let first = leading(&stage, 18081);
    let second = standing_by(&stage, 18082);
    let second = a_leader_is_killed(&stage, first, second);
    let third = standing_by(&stage, 18083);
    let third = a_leader_is_stopped(&stage, second, third);
    let fourth = standing_by(&stage, 18084);
    let fourth = hosts_know_more_than_the_cluster(&stage, third, fourth);
    a_leader_is_asked_to_end(&stage, fourth);
}

fn stage() -> Stage {
    let hosts = HOSTS.map(|name| HostSpec { pool: name.to_owned(), ..HostSpec::new(name) });
    let stage = Stage::start("leader", hosts.into()).unwrap();
    let pools = HOSTS.map(|name| objects::pool(PoolSpec::new(name), stage.login()));
    stage.apply(pools.into_iter().chain([objects::guard()])).unwrap();
    stage
}

fn leading(stage: &Stage, port: u16) -> Replica {
    let replica = Replica::start(stage.bed(), port).unwrap();
    leads(stage, &replica);
    replica
}

fn leads(stage: &Stage, replica: &Replica) {
    let leads = || Ok(has_metric(replica, "nodemend_leader 1").then_some(()));
    let waited = stage.eventually("a leader", SOON, leads);
    waited.unwrap_or_else(|error| panic!("{error}\n{}", replica.log().unwrap()));
}

fn has_metric(replica: &Replica, metric: &str) -> bool {
    replica.answer("/metrics").is_ok_and(|text| text.lines().any(|line| line == metric))
}

/// It watches, is healthy and ready, says that it is on standby, and leaves the Lease to its holder.
fn standing_by(stage: &Stage, port: u16) -> Replica {
    let holder = holder(stage);
    let replica = Replica::start(stage.bed(), port).unwrap();
    let says_so = || Ok(replica.log()?.contains("standby").then_some(()));
    stage.eventually("a replica on standby", SOON, says_so).unwrap();
    let ready = || Ok(replica.answer("/readyz").is_ok_and(|text| text.contains("200 OK")).then_some(()));
    stage.eventually("a ready replica", SOON, ready).unwrap();
    assert!(replica.answer("/healthz").unwrap().contains("200 OK"));
    assert!(has_metric(&replica, "nodemend_leader 0"));
    assert_eq!(self::holder(stage), holder);
    replica
}

fn lease(stage: &Stage) -> Value {
    let text = stage.bed().kubectl(&["get", "lease", "nodemend", "-n", NAMESPACE, "-o", "json"]).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn holder(stage: &Stage) -> String {
    lease(stage)["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

fn epoch(stage: &Stage) -> u64 {
    stage.get("repairguard", "cluster").unwrap()["status"]["epoch"].as_u64().unwrap_or_default()
}

fn a_leader_is_killed(stage: &Stage, leader: Replica, standby: Replica) -> Replica {
    let start = Timestamp::now();
    let before = HostState::of(stage.host("killed").unwrap()).unwrap();
    stage.reported(&HOSTS, start).unwrap();
    stage.apply([objects::policy("killed", "=1.0.0")]).unwrap();
    let installs = |journal: &Journal| journal.step("install") == "Started";
    stage.journal_that("killed", "installs", OVER, installs).unwrap();
    let epoch = epoch(stage);
    leader.kill().unwrap();
    let killed = Instant::now();
    followed(stage, epoch, killed);
    leads(stage, &standby);
    let run = stage.run_that("killed", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    done_once(stage, "killed", &before, start);
    let status = &stage.get("repairpool", "killed").unwrap()["status"];
    assert_eq!(status["epoch"], epoch + 1, "the pool has the new leader's epoch");
    standby
}

/// Another one leads within the promised time, under the next epoch.
fn followed(stage: &Stage, epoch: u64, since: Instant) {
    let taken = || Ok((self::epoch(stage) == epoch + 1).then_some(()));
    stage.eventually("a new epoch", FOLLOWED, taken).unwrap();
    eprintln!("followed after {:?}", since.elapsed());
    assert!(since.elapsed() < FOLLOWED);
}

/// One restart as the kubelet tells it, one cordon, and one transaction as the host tells it.
fn done_once(stage: &Stage, node: &str, before: &HostState, start: Timestamp) {
    let after = HostState::of(stage.host(node).unwrap()).unwrap();
    assert_eq!((after.package.as_str(), after.running.as_str()), (NEW_SYSTEMD, NEW_SYSTEMD));
    let reboots = proof::reboots(stage, node, start).unwrap();
    let boots: Vec<_> = reboots.iter().map(|reboot| reboot.boot_id.as_str()).collect();
    assert_eq!(boots, [after.boot_id.as_str()]);
    assert_ne!(before.boot_id, after.boot_id);
    for kind in ["package-install", "reboot"] {
        assert_eq!(jobs_that_ran(stage, node, kind), 1, "{kind}");
    }
    let cordons = Witness::since(stage, start).unwrap().cordon_changes();
    let cordons = cordons.iter().filter(|change| change.node == node && change.cordoned).count();
    assert_eq!(cordons, 1);
}

/// Jobs of a kind that began on the host: each has left its pid.
fn jobs_that_ran(stage: &Stage, node: &str, kind: &str) -> usize {
    let command = format!(
        "cd /var/lib/nodemend/jobs && grep -lx {kind} */job | while read -r f; do ls ${{f%/*}}/pid; done"
    );
    let ran = stage.host(node).unwrap().run(&command).unwrap();
    ran.stdout.lines().count()
}

/// The leader is stopped while a command of its has arrived on the host and has not begun. When it goes on, and its
/// command too, another one leads: the host refuses the command, the API server its write, and the process ends.
fn a_leader_is_stopped(stage: &Stage, mut leader: Replica, standby: Replica) -> Replica {
    let start = Timestamp::now();
    let host = stage.host("stopped").unwrap();
    let before = HostState::of(host).unwrap();
    let epoch = epoch(stage);
    host.run_checked(GATE).unwrap();
    stage.apply([objects::policy("stopped", "=1.0.0")]).unwrap();
    stage
        .eventually("a command that has arrived", OVER, || {
            Ok(host.run("test -e /run/gate.taken")?.success().then_some(()))
        })
        .unwrap();
    let journal =
        stage.journal_that("stopped", "prepares", SOON, |j| j.step("prepare") == "Started").unwrap();
    leader.stop().unwrap();
    followed(stage, epoch, Instant::now());
    let stamped = |journal: &Journal| journal.0["status"]["epoch"] == epoch + 1;
    stage.journal_that("stopped", "has the new epoch", SOON, stamped).unwrap();
    let obeys = || {
        let seen = host.run("cat /var/lib/nodemend/epoch")?;
        Ok((seen.stdout.trim() == (epoch + 1).to_string()).then_some(()))
    };
    stage.eventually("a fenced host", SOON, obeys).unwrap();
    // The late command goes on, and would make a job before anything else.
    host.run_checked("rm /run/gate.taken").unwrap();
    late_write(stage, &journal);
    leader.go_on().unwrap();
    let since = Instant::now();
    stage.eventually("the end of the old leader", SOON, || Ok(leader.has_ended()?.then_some(()))).unwrap();
    eprintln!("the old leader ended {:?} after it went on", since.elapsed());
    assert!(since.elapsed() < ENDED);
    let run = stage.run_that("stopped", "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    done_once(stage, "stopped", &before, start);
    let late = format!("test -e /var/lib/nodemend/jobs/{}/job", intent(&journal));
    assert!(!host.run(&late).unwrap().success(), "the late command has made a job");
    standby
}

/// The intent of the step that prepares.
fn intent(journal: &Journal) -> String {
    let steps = journal.0["status"]["steps"].as_array().unwrap();
    let prepare = steps.iter().find(|step| step["name"] == "prepare").unwrap();
    prepare["intent"].as_str().unwrap_or_default().to_owned()
}

/// What the old leader would write: refused for its version, and with the newest version for its epoch.
fn late_write(stage: &Stage, journal: &Journal) {
    let mut late = journal.0.clone();
    let changed = "the object has been modified";
    assert!(refusal(stage, &late).contains(changed));
    let name = late["metadata"]["name"].as_str().unwrap().to_owned();
    let refused = || {
        let now = stage.get("remediation", &name)?;
        late["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"].clone();
        // The new leader may write in between.
        Ok(Some(refusal(stage, &late)).filter(|refusal| !refusal.contains(changed)))
    };
    let refused = stage.eventually("an answer about the newest version", SOON, refused).unwrap();
    assert!(refused.contains("the journal belongs to a newer epoch"), "{refused}");
}

/// What the API server says to a status that the controller's identity writes.
fn refusal(stage: &Stage, object: &Value) -> String {
    let controller = stage.bed().kubectl_as_admin().with_kubeconfig(stage.bed().controller_kubeconfig());
    let path = stage.bed().dir().join("late.json");
    std::fs::write(&path, object.to_string()).unwrap();
    let replace = ["replace", "--subresource=status", "-f", path.to_str().unwrap()];
    controller.run(&replace).unwrap_err().to_string()
}

/// A host obeys an epoch that the cluster does not know of: nothing starts anywhere until a person says what counts.
fn hosts_know_more_than_the_cluster(stage: &Stage, mut leader: Replica, standby: Replica) -> Replica {
    let ahead = epoch(stage) + 40;
    let host = stage.host("restored").unwrap();
    host.run_checked(&format!("mkdir -p /var/lib/nodemend && echo {ahead} >/var/lib/nodemend/epoch"))
        .unwrap();
    let behind =
        || Ok((stage.get("repairguard", "cluster")?["status"]["behind"]["epoch"] == ahead).then_some(()));
    stage.eventually("a guard that is behind", SOON, behind).unwrap();
    // Of another pool than the host that is ahead.
    let start_before = (Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let run = json!({
        "apiVersion": objects::API_VERSION, "kind": "RepairRun", "metadata": {"name": "elsewhere"},
        "spec": {
            "pool": "killed", "playbook": "restart-kubelet", "version": "1.0.0", "nodes": {"named": {"names": ["killed"]}},
            "requestedBy": "tester", "startBefore": start_before,
        },
    });
    stage.apply([run]).unwrap();
    let waits = |run: &Run| run.name() == "elsewhere" && run.blocker("EpochBehind").is_some();
    let run = stage.run_that("killed", "says why nothing starts", SOON, waits).unwrap();
    assert!(run.waits_for("EpochBehind").contains("nodemend guard raise-epoch"));
    assert!(stage.journals("elsewhere").unwrap().is_empty());
    let mut raise = program::command(stage.bed().admin_kubeconfig()).unwrap();
    assert!(raise.args(["guard", "raise-epoch", "--yes"]).status().unwrap().success());
    stage.eventually("the end of the old leader", SOON, || Ok(leader.has_ended()?.then_some(()))).unwrap();
    leads(stage, &standby);
    let done = |run: &Run| run.name() == "elsewhere" && run.is_over();
    let run = stage.run_that("killed", "is over", OVER, done).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    assert_eq!(epoch(stage), ahead + 1);
    standby
}

/// SIGTERM: it gives the Lease back, so that the next one need not wait.
fn a_leader_is_asked_to_end(stage: &Stage, mut leader: Replica) {
    leader.ask_to_end().unwrap();
    stage.eventually("its end", SOON, || Ok(leader.has_ended()?.then_some(()))).unwrap();
    assert_eq!(holder(stage), "");
    let since = Instant::now();
    let next = leading(stage, 18085);
    assert!(since.elapsed() < Duration::from_secs(10), "it waited for {:?}", since.elapsed());
    drop(next);
}
