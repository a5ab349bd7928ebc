//! Operations beside the looks: hundreds of them wait for their turn at once, so each keeps only what it needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use nodemend_api::pool::RepairPool;
use nodemend_core::op::{Op, OpFailure, OpResult};
use nodemend_core::saga::{NodeObservation, Observation};
use nodemend_exec::{Act, Still};

use super::drive::Look;
use super::slots::{Begun, Key, Slots};
use super::{Parts, observe, tell};
use crate::checks;

/// Starts an operation unless one of the saga is under way; its end rings.
pub(super) fn start(
    parts: &Arc<Parts>,
    slots: &Arc<Slots>,
    mut look: Look,
    (seen, key): (&Observation, &Key),
    (op, addresses): (Op, BTreeMap<String, String>),
) {
    // Under way until its end is taken down: who gives the Lease back waits for it.
    let Some(under_way) = parts.tenure.begin() else { return };
    let Begun::Now { first } = slots.begin(&look.brief.remediation, key) else { return };
    let is_planned = match &seen.node {
        NodeObservation::Live(node) => node.uid == look.brief.node.uid,
        _ => false,
    };
    if op.is_effect() {
        tell::intent(&look.brief, &op, parts.epoch);
    }
    // The journal is read anew when the operation has ended.
    look.remediation.status = None;
    let (parts, slots, look) = (parts.clone(), slots.clone(), Arc::new(look));
    tokio::spawn(async move {
        let brief = &look.brief;
        let result = match &look.pool {
            Some(pool) if is_planned => perform(&parts, pool, &look, &op, &addresses).await,
            None => {
                not_done("PoolGone", format!("repairpool/{} is gone; make it again to go on", brief.pool))
            }
            _ => not_done("NodeUnknown", format!("node/{} could not be read", brief.node.name)),
        };
        tell::outcome(brief, &op, &result);
        slots.end(&brief.remediation, Some(result), first);
        drop(under_way);
    });
}

async fn perform(
    parts: &Arc<Parts>,
    pool: &RepairPool,
    look: &Arc<Look>,
    op: &Op,
    addresses: &BTreeMap<String, String>,
) -> OpResult {
    let node = (&look.brief.node.name, &look.brief.node.uid);
    let mut target = match parts.access.target(pool, &pool.spec.access.repair, node, addresses).await {
        Ok(target) => target,
        Err(error) => return not_done("NoAccess", error.to_string()),
    };
    target.still = still(parts, look, op);
    match Act::of(op) {
        Ok(act) => parts.performer.perform(&target, act).await,
        Err(request) => checks::perform(&parts.performer, &target, pool, &request.checks).await,
    }
}

/// A launch is stopped up to the moment when it is sent: the watches know a Hold within milliseconds. Everything else is
/// stopped only when this process does not lead any more.
fn still(parts: &Arc<Parts>, look: &Arc<Look>, op: &Op) -> Still {
    if !matches!(op, Op::Launch(_)) {
        let tenure = parts.tenure.clone();
        return Still::asking(move || tenure.holds());
    }
    let (parts, look) = (parts.clone(), look.clone());
    Still::asking(move || observe::known_stop(&parts, &look.remediation).is_none())
}

fn not_done(reason: &str, message: String) -> OpResult {
    OpResult::NotDone(OpFailure { reason: reason.into(), message, retryable: true })
}
