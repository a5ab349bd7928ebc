//! The whole loop: a pool of four old hosts, one with a hung PID 1, is healed while its controller is killed again and again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_bed::fault::Fault;
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use nodemend_bed::workloads::{daemon_set, deployment, pod_disruption_budget};
use nodemend_e2e::Stage;
use nodemend_e2e::journal::{Journal, Run};
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::proof::{self, HostState, NodeState};
use nodemend_e2e::witness::Witness;

const POOL: &str = "web";
const NODES: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];
/// The one whose PID 1 does not answer.
const HUNG: &str = "web-2";
const MAX_UNAVAILABLE: u32 = 2;
/// The hung host alone spends 90 s in its package's scriptlet.
const HEALED: Duration = Duration::from_mins(6);

/// A moment at which the controller is killed.
struct Moment {
    name: &'static str,
    reached: fn(&Stage, &[Journal]) -> bool,
}

/// In the order in which they can come up first; several may belong to different nodes.
const MOMENTS: [Moment; 6] = [
    Moment { name: "during prepare", reached: |_, journals| any_in(journals, "prepare") },
    Moment { name: "during drain", reached: |_, journals| any_in(journals, "drain") },
    Moment { name: "in the package's scriptlet", reached: |stage, _| transaction_runs(stage, HUNG) },
    Moment { name: "when a reboot is written down", reached: |_, journals| any_in(journals, "reboot") },
    Moment {
        name: "while a machine restarts",
        reached: |stage, journals| {
            let restarting = |journal: &&Journal| journal.step("reboot") == "Started";
            journals.iter().filter(restarting).any(|journal| restarts(stage, journal))
        },
    },
    Moment { name: "during verification", reached: |_, journals| any_in(journals, "ready") },
];

fn any_in(journals: &[Journal], step: &str) -> bool {
    journals.iter().any(|journal| journal.step(step) == "Started")
}

fn transaction_runs(stage: &Stage, node: &str) -> bool {
    // The scriptlet asks a PID 1 that does not answer. In brackets, or the shell that looks would find itself.
    let seen = stage.host(node).unwrap().run("pgrep -f '[s]ystemctl daemon-reexec'");
    seen.is_ok_and(|seen| seen.success())
}

/// The machine is off or runs under a new boot id, and its kubelet has not said so yet.
fn restarts(stage: &Stage, journal: &Journal) -> bool {
    let boot_id = stage.host(journal.node()).unwrap().boot_id();
    let known = &stage.get("node", journal.node()).unwrap()["status"]["nodeInfo"]["bootID"];
    boot_id.map_or(true, |boot_id| known != &boot_id)
}

#[test]
fn a_pool_heals_itself_through_kills_of_its_controller() {
    let stage = stage();
    let start = Timestamp::now();
    let before = states(&stage);
    stage.start_controller().unwrap();
    stage.reported(&NODES, start).unwrap();
    stage.apply([objects::policy(POOL, "=1.0.0")]).unwrap();
    let kills = kill_at_every_moment(&stage);
    let run = stage.run_that(POOL, "is over", HEALED, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    assert_eq!(run.0["status"]["counts"]["repaired"], NODES.len(), "{}", run.summary());
    every_host_is_repaired(&stage, &before, start);
    the_budget_was_kept(&stage, start);
    the_other_pool_was_left_alone(&stage, &before, start);
    let guard = stage.get("repairguard", "cluster").unwrap();
    assert_eq!(guard["status"]["epoch"], kills + 1, "each process raises the epoch by one");
    assert_eq!(guard["status"]["grants"].as_array().map_or(0, Vec::len), 0, "grants are given back");
}

fn stage() -> Stage {
    let of_pool = |pool: &str, name: &str| HostSpec { pool: pool.to_owned(), ..HostSpec::new(name) };
    let mut hosts: Vec<_> = NODES.map(|name| of_pool(POOL, name)).into();
    hosts.push(of_pool("spare", "spare"));
    let stage = Stage::start("heal", hosts).unwrap();
    let mut anywhere = deployment("api", 5, POOL);
    anywhere["spec"]["template"]["spec"]["nodeSelector"] = serde_json::Value::Null;
    let pool = PoolSpec { max_unavailable: MAX_UNAVAILABLE, ..PoolSpec::new(POOL) };
    let workloads =
        [deployment("shop", 8, POOL), anywhere, daemon_set("agent"), pod_disruption_budget("shop", 3)];
    stage.apply(workloads).unwrap();
    stage.apply([objects::guard(), objects::pool(pool, stage.login())]).unwrap();
    for workload in ["deployment/shop", "deployment/api", "daemonset/agent"] {
        stage.bed().kubectl(&["rollout", "status", workload, "--timeout=60s"]).unwrap();
    }
    stage.host(HUNG).unwrap().inject(Fault::Pid1Hung).unwrap();
    stage
}

fn states(stage: &Stage) -> BTreeMap<String, HostState> {
    let hosts = stage.bed().hosts().iter();
    hosts.map(|host| (host.name().to_owned(), HostState::of(host).unwrap())).collect()
}

/// Kills and starts again at each moment as it is reached; returns how many times.
fn kill_at_every_moment(stage: &Stage) -> u32 {
    let mut pending: Vec<_> = MOMENTS.iter().collect();
    let mut kills = 0;
    stage
        .eventually("every moment to kill the controller at", HEALED, || {
            let Some(run) = stage.runs(POOL)?.pop() else { return Ok(None) };
            let journals = stage.journals(run.name())?;
            if let Some(index) = pending.iter().position(|moment| (moment.reached)(stage, &journals)) {
                eprintln!("killing the controller {}", pending.remove(index).name);
                stage.kill_controller_and_start_again()?;
                kills += 1;
            }
            assert!(!run.is_over() || pending.is_empty(), "the run ended early:\n{}", stage.situation());
            Ok(pending.is_empty().then_some(()))
        })
        .unwrap();
    kills
}

fn every_host_is_repaired(stage: &Stage, before: &BTreeMap<String, HostState>, start: Timestamp) {
    for node in NODES {
        let host = stage.host(node).unwrap();
        let (before, after) = (&before[node], HostState::of(host).unwrap());
        assert_eq!(before.package, OLD_SYSTEMD);
        assert_eq!((after.package.as_str(), after.running.as_str()), (NEW_SYSTEMD, NEW_SYSTEMD), "{node}");
        let reboots = proof::reboots(stage, node, start).unwrap();
        let boots: Vec<_> = reboots.iter().map(|reboot| reboot.boot_id.as_str()).collect();
        assert_eq!(
            boots,
            [after.boot_id.as_str()],
            "{node}: the kubelet reports one restart, into this boot"
        );
        assert_ne!(before.boot_id, after.boot_id, "{node}");
        assert_eq!(NodeState::of(stage, node).unwrap(), NodeState::default(), "{node}");
    }
}

fn the_budget_was_kept(stage: &Stage, start: Timestamp) {
    let witness = Witness::since(stage, start).unwrap();
    for node in NODES {
        assert!(witness.cordoned(node), "{node} was restarted without a cordon");
    }
    let most = witness.most_cordoned_at_once(&NODES);
    assert!(most <= MAX_UNAVAILABLE as usize, "{most} nodes were cordoned at once");
}

fn the_other_pool_was_left_alone(stage: &Stage, before: &BTreeMap<String, HostState>, start: Timestamp) {
    assert_eq!(before["spare"], HostState::of(stage.host("spare").unwrap()).unwrap());
    assert!(!Witness::since(stage, start).unwrap().cordoned("spare"));
}
