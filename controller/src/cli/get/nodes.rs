//! `nodemend get nodes`: what is wrong on each node, and what is done about it.

use nodemend_core::finding::CheckState;
use nodemend_core::snapshot::{Node, Remediation, Snapshot};
use nodemend_core::time::Time;

use super::Query;
use crate::cli::output::{Field, Tone, age, toned};
use crate::cli::repair::{line, progress};

/// One line per node.
pub(super) fn table(query: &Query<'_>) -> String {
    let wanted = |node: &&Node| {
        query.wants(node.name.as_str()) && query.wants_pool(query.snapshot.pools_of(node).into_iter())
    };
    let nodes = query.snapshot.nodes.values().filter(wanted);
    let headers = ["NODE", "POOL", "STATE", "FINDINGS", "RUN", "REPAIR"];
    query.table(&headers, nodes.map(|node| row(query, node)).collect(), "no node")
}

fn row(query: &Query<'_>, node: &Node) -> Vec<Field> {
    let pools: Vec<_> = query.snapshot.pools_of(node).into_iter().collect();
    let pool = match pools.as_slice() {
        [] => toned("none", Tone::Dim),
        [pool] => Field::from(pool),
        more => toned(format!("{} (two pools: repaired by neither)", more.join(", ")), Tone::Bad),
    };
    let findings = if pools.is_empty() { Field::from("") } else { findings(query.snapshot, node, query.now) };
    let last = last_repair(query.snapshot, node);
    let progress = progress(last);
    let repair = last.map_or_else(|| Field::from(""), |_| toned(line(&progress, query.now), progress.tone));
    let run = last.map_or("", |remediation| remediation.run.as_str());
    vec![Field::from(&node.name), pool, node_state(node), findings, Field::from(run), repair]
}

/// Whether it is Ready, and whether it takes pods.
pub(in crate::cli) fn node_state(node: &Node) -> Field {
    let (state, tone) = match node.ready() {
        Some(true) if node.unschedulable => ("Ready", Tone::Careful),
        Some(true) => ("Ready", Tone::Good),
        Some(false) => ("NotReady", Tone::Bad),
        None => ("Unknown", Tone::Bad),
    };
    toned(if node.unschedulable { format!("{state}, cordoned") } else { state.to_owned() }, tone)
}

/// What fails on a node, what cannot be told, and what was never looked at.
fn findings(snapshot: &Snapshot, node: &Node, now: Time) -> Field {
    let Some(reports) = snapshot.reports.get(&node.uid) else {
        return toned("not observed yet", Tone::Careful);
    };
    let (valid, expired): (Vec<_>, Vec<_>) = reports.values().partition(|report| report.expires_at > now);
    if let (true, Some(last)) = (valid.is_empty(), expired.iter().map(|report| report.expires_at).max()) {
        return toned(format!("not known: last report expired {} ago", age(Some(last), now)), Tone::Careful);
    }
    let in_state = |state: CheckState| {
        let results = valid.iter().flat_map(|report| report.results.values());
        results
            .filter(move |result| result.state == state)
            .map(|result| result.check.as_str())
            .collect::<Vec<_>>()
    };
    let (failing, unknown) = (in_state(CheckState::Fail), in_state(CheckState::Unknown));
    match (failing.is_empty(), unknown.is_empty()) {
        (true, true) => toned("none", Tone::Good),
        (true, false) => toned(format!("unknown: {}", unknown.join(", ")), Tone::Careful),
        (false, true) => toned(failing.join(", "), Tone::Bad),
        (false, false) => {
            toned(format!("{}; unknown: {}", failing.join(", "), unknown.join(", ")), Tone::Bad)
        }
    }
}

/// The repair that is under way, or the one that ended last.
pub(in crate::cli) fn last_repair<'a>(snapshot: &'a Snapshot, node: &Node) -> Option<&'a Remediation> {
    let of_node = snapshot.remediations.values().filter(|remediation| remediation.node_uid == node.uid);
    of_node.max_by_key(|remediation| {
        let ended = remediation.journal.as_ref().and_then(|journal| journal.finished_at);
        (!remediation.is_finished(), ended)
    })
}
