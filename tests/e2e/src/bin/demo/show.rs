//! What the demo shows: hosts before, what the prober found, and the proof after.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nodemend_e2e::pods::{self, Move};
use nodemend_e2e::proof::{self, HostState, NodeState};
use nodemend_e2e::{E2eError, Stage};

use crate::cast::NODES;

/// How much of a boot id is shown.
const SHORT: usize = 8;

/// The hosts of the pool as they are now.
pub(crate) fn states(stage: &Stage) -> Result<BTreeMap<&'static str, HostState>, E2eError> {
    NODES.iter().map(|node| Ok((*node, HostState::of(stage.host(node)?)?))).collect()
}

/// One line per host.
pub(crate) fn before(states: &BTreeMap<&str, HostState>) {
    for (node, state) in states {
        println!(
            "{node}  package {}  PID 1 runs {}  boot {}",
            state.package,
            state.running,
            short(&state.boot_id)
        );
    }
}

/// What fails on each node, as the prober reports it.
pub(crate) fn findings(stage: &Stage) -> Result<(), E2eError> {
    for report in stage.list("diagnosisreports")? {
        let node = report["spec"]["subject"]["name"].as_str().unwrap_or_default();
        let results = report["status"]["results"].as_array().into_iter().flatten();
        for result in results.filter(|result| result["state"] == "Fail") {
            let text = |key: &str| result[key].as_str().unwrap_or_default();
            println!("{node}  {}: {}", text("check"), text("message"));
        }
    }
    Ok(())
}

/// One line per host, from the host itself, the node object, the kubelet's events and the API server's audit log.
pub(crate) fn proof(
    stage: &Stage,
    before: &BTreeMap<&str, HostState>,
    start: Timestamp,
) -> Result<(), E2eError> {
    println!(
        "\nPROOF (from the hosts, the kubelets and the API server; nothing the controller says of itself)"
    );
    let moves = pods::moves(stage, start)?;
    for (node, before) in before {
        let after = HostState::of(stage.host(node)?)?;
        let cordon = if NodeState::of(stage, node)?.cordoned { "CORDONED" } else { "schedulable" };
        println!(
            "{node}  package {} -> {}  PID 1 {} -> {}  boot {} -> {}  {cordon}  {}  pods: {}",
            before.package,
            after.package,
            before.running,
            after.running,
            short(&before.boot_id),
            short(&after.boot_id),
            rebooted(stage, node, start)?,
            where_pods_went(&moves, node)
        );
    }
    Ok(())
}

fn short(boot_id: &str) -> &str {
    boot_id.get(..SHORT).unwrap_or(boot_id)
}

/// The kubelet's own events since `start`.
fn rebooted(stage: &Stage, node: &str, start: Timestamp) -> Result<String, E2eError> {
    let reboots = proof::reboots(stage, node, start)?;
    let told: Vec<_> = reboots
        .iter()
        .map(|reboot| {
            format!(
                "kubelet: Rebooted at {}, boot {}",
                reboot.at.strftime("%H:%M:%SZ"),
                short(&reboot.boot_id)
            )
        })
        .collect();
    Ok(if told.is_empty() { "no Rebooted event".to_owned() } else { told.join(", ") })
}

/// `api to web-3 and spare, shop to web-1`, with how many where it is more than one.
fn where_pods_went(moves: &[Move], node: &str) -> String {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for moved in moves.iter().filter(|moved| moved.from == node) {
        let app = moved.pod.split('-').next().unwrap_or_default();
        *counts.entry((app, moved.to.as_deref().unwrap_or("(pending)"))).or_default() += 1;
    }
    let told = counts.iter().map(|((app, to), count)| match count {
        1 => format!("{app} to {to}"),
        _ => format!("{count} {app} to {to}"),
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { "none moved".to_owned() } else { told.join(", ") }
}
