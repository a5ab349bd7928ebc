//! What a saga sees: the node, always live; what stops it, from the watches for a look, live before an effect.

use std::collections::BTreeMap;

use kube::{Api, Client, ResourceExt};
use nodemend_api::convert;
use nodemend_api::remediation::Remediation;
use nodemend_core::blocker::Blocker;
use nodemend_core::cordon::{CORDON_ANNOTATION, MESSAGE_ANNOTATION};
use nodemend_core::decide::{Subject, audit_closed, hold_on, is_resolve, is_stopped, too_late, undecodable};
use nodemend_core::ids::{Epoch, NodeName};
use nodemend_core::saga::{EPOCH_NOT_OURS, NOT_GRANTED, NodeObservation, NodeState, Stop};
use nodemend_core::snapshot::{self, Behind, Operation};

use super::{Parts, SagaError};
use crate::clock::now;
use crate::watch::NodeView;

/// A node, and the addresses of its host by type.
pub(super) type NodeSeen = (NodeObservation, BTreeMap<String, String>);

/// Reads the node. What cannot be read is unknown, neither there nor gone.
pub(super) async fn node(client: &Client, name: &NodeName) -> NodeSeen {
    let api: Api<NodeView> = Api::all(client.clone());
    match api.get_opt(name.as_str()).await {
        Ok(None) => (NodeObservation::Absent, BTreeMap::new()),
        Ok(Some(node)) => match state(&node) {
            Some(state) => (NodeObservation::Live(state), addresses(&node)),
            None => (NodeObservation::Unknown, BTreeMap::new()),
        },
        Err(error) => {
            tracing::debug!(node = %name, %error, "node not read");
            (NodeObservation::Unknown, BTreeMap::new())
        }
    }
}

fn state(node: &NodeView) -> Option<NodeState> {
    let row = convert::node(&node.metadata, node.spec.as_ref(), node.status.as_ref()).ok()?;
    let mark = node.annotations().get(CORDON_ANNOTATION).and_then(|text| serde_json::from_str(text).ok());
    Some(NodeState {
        ready: row.ready(),
        ready_since: row.conditions.get("Ready").and_then(|ready| ready.since),
        uid: row.uid,
        unschedulable: row.unschedulable,
        told: node.annotations().contains_key(MESSAGE_ANNOTATION),
        cordon: mark,
        boot_id: row.boot_id,
    })
}

fn addresses(node: &NodeView) -> BTreeMap<String, String> {
    let status = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    status.map(|address| (address.type_.clone(), address.address.clone())).collect()
}

/// What stops the saga, as the watches know it. One that has `begun` comes to its end where one that has not may not start.
pub(super) fn known_stop(parts: &Parts, remediation: &Remediation, begun: bool) -> Option<Stop> {
    if !parts.tenure.holds() {
        return Some(replaced());
    }
    let known = parts.world.look();
    let snapshot = &known.snapshot;
    let spec = &remediation.spec;
    let guard = snapshot.guard.as_ref();
    let granted = snapshot::is_granted(snapshot, &remediation.name_any(), &spec.pool);
    let run = snapshot.runs.get(&spec.run).filter(|run| run.uid == spec.run_uid);
    if let Some(unreadable) = run.and_then(|run| undecodable(snapshot, run)) {
        return Some(wait(unreadable));
    }
    if let Some(unrecorded) = audit_closed(snapshot) {
        return Some(wait(unrecorded));
    }
    let pool = snapshot.pools.get(&spec.pool);
    let guard = guard.map(|guard| (guard.epoch, guard.behind.as_ref()));
    let of = (remediation, begun);
    stop(of, (run, pool), snapshot.holds.values(), guard, granted, parts.epoch)
}

/// What people said of the steps of this node. The list only grows and each is heeded once: the watches will do.
pub(super) fn resolutions(parts: &Parts, remediation: &Remediation) -> Vec<Operation> {
    let (spec, known) = (&remediation.spec, parts.world.look());
    let node = spec.repairs.first().map(|repair| &repair.node.name);
    let run = known.snapshot.runs.get(&spec.run).filter(|run| run.uid == spec.run_uid);
    let operations = run.into_iter().flat_map(|run| &run.request.operations);
    operations.filter(|op| is_resolve(op) && op.target.as_ref() == node).cloned().collect()
}

/// The same by live reads, for the moment before an effect. While another controller may lead, nothing at all is sent: what
/// no stop keeps back, such as lifting our cordon, is that one's to do.
pub(super) async fn live_stop(
    parts: &Parts,
    remediation: &Remediation,
    begun: bool,
) -> Result<Option<Stop>, SagaError> {
    let spec = &remediation.spec;
    let live = parts.live.of(&parts.client, spec).await?;
    let granted = live.granted.contains(&remediation.name_any());
    let run = live.run.as_ref().filter(|run| run.uid == spec.run_uid);
    if !parts.tenure.holds() || live.guard.as_ref().is_some_and(|(epoch, _)| *epoch > parts.epoch) {
        return Err(SagaError::Replaced);
    }
    let guard = live.guard.as_ref().map(|(epoch, behind)| (*epoch, behind.as_ref()));
    let of = (remediation, begun);
    Ok(stop(of, (run, live.pool.as_ref()), &live.holds, guard, granted, parts.epoch))
}

fn stop<'a>(
    (remediation, begun): (&Remediation, bool),
    (run, pool): (Option<&snapshot::Run>, Option<&snapshot::Pool>),
    holds: impl IntoIterator<Item = &'a snapshot::Hold>,
    guard: Option<(Epoch, Option<&Behind>)>,
    granted: bool,
    epoch: Epoch,
) -> Option<Stop> {
    let name = format!("remediation/{}", remediation.name_any());
    match guard {
        Some((theirs, None)) if theirs == epoch => {}
        Some((theirs, Some(behind))) if theirs == epoch => return Some(wait(behind.blocker())),
        _ => return Some(replaced()),
    }
    if remediation.metadata.deletion_timestamp.is_some() {
        return Some(Stop { blocker: Blocker::new("Deleted", name, "it is being deleted"), abort: true });
    }
    let Some(run) = run else {
        return Some(Stop { blocker: Blocker::new("RunGone", name, "its run is gone"), abort: true });
    };
    if let Some(blocker) = is_stopped(run) {
        return Some(Stop { blocker, abort: true });
    }
    if let Some(blocker) = too_late(run).filter(|_| !begun) {
        return Some(Stop { blocker, abort: true });
    }
    let subject = match (remediation.spec.repairs.first(), pool) {
        (Some(repair), Some(pool)) => Subject::node(run, &repair.node, pool),
        (Some(repair), None) => Subject::named(run, &repair.node.name),
        (None, _) => Subject::run(run),
    };
    if let Some(blocker) = hold_on(holds, &subject.under_way(), now()) {
        return Some(wait(blocker));
    }
    (!granted).then(|| {
        wait(Blocker::new(NOT_GRANTED, name, "waits for its grants of pool and guard to be written"))
    })
}

fn replaced() -> Stop {
    let next = "the RepairGuard is gone or another controller has taken over; this one starts nothing";
    wait(Blocker::new(EPOCH_NOT_OURS, "repairguard/cluster", next))
}

const fn wait(blocker: Blocker) -> Stop {
    Stop { blocker, abort: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_api::remediation::RemediationSpec;

    fn remediation() -> Remediation {
        let spec: RemediationSpec = serde_json::from_value(serde_json::json!({
            "run": "run", "runUID": "u", "pool": "web", "planDigest": "d", "pageDigest": "p", "pageIndex": 1, "repairs": [],
        }))
        .unwrap();
        Remediation::new("rem", spec)
    }

    fn run_with_limit_reached() -> snapshot::Run {
        let request = serde_json::from_value(serde_json::json!({
            "pool": "web", "playbook": "upgrade-systemd", "version": "1.0.0", "nodes": {"named": {"names": ["a"]}},
            "requestedBy": "anna", "startBefore": "2027-01-01T00:00:00Z",
        }));
        let status =
            snapshot::RunStatus { limit_reached: Some("1 failed".into()), ..snapshot::RunStatus::default() };
        snapshot::Run {
            name: "run".into(),
            uid: nodemend_core::ids::RunUid("u".into()),
            request: request.unwrap(),
            status,
            deleting: false,
            finalized: true,
            created: now(),
        }
    }

    #[test]
    fn after_a_limit_what_has_begun_goes_on_and_what_has_not_may_not_start() {
        let (remediation, run) = (remediation(), run_with_limit_reached());
        let stopped = |begun| stop((&remediation, begun), (Some(&run), None), [], Some((7, None)), true, 7);
        assert_eq!(stopped(true), None);
        assert_eq!(stopped(false).unwrap().blocker.reason, "TooManyFailures");
    }
}
