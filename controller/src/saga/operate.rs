//! Operations beside the looks: hundreds of them wait for their turn at once, so each keeps only what it needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nodemend_api::pool::RepairPool;
use nodemend_core::ids::IntentId;
use nodemend_core::op::{Op, OpFailure, OpResult};
use nodemend_core::saga::{NodeObservation, Observation};
use nodemend_exec::{Act, Still};

use super::drive::Look;
use super::slots::{Begun, Key, Slots};
use super::{Parts, observe};
use crate::audit::{Effect, Event};
use crate::checks;
use crate::clock::now;

/// How old the live look at what may stop an effect may be when the effect is sent.
const STALE: Duration = Duration::from_secs(1);

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
    let intent = key.intent().cloned();
    // The journal is read anew when the operation has ended.
    look.remediation.status = None;
    let (parts, slots, look) = (parts.clone(), slots.clone(), Arc::new(look));
    tokio::spawn(async move {
        let brief = &look.brief;
        let result = match &look.pool {
            Some(pool) if is_planned && op.is_effect() => {
                on_record(&parts, pool, &look, (&op, intent), &addresses).await
            }
            Some(pool) if is_planned => perform(&parts, pool, &look, &op, &addresses).await,
            None => {
                not_done("PoolGone", format!("repairpool/{} is gone; make it again to go on", brief.pool))
            }
            _ => not_done("NodeUnknown", format!("node/{} could not be read", brief.node.name)),
        };
        tracing::debug!(run = brief.run, node = %brief.node.name, ?result, "looked");
        slots.end(&brief.remediation, Some(result), first);
        drop(under_way);
    });
}

/// Performs an effect: on record before it is sent, and its end after. What cannot be recorded is not done, but a cordon
/// of ours is lifted and a node is told what happened all the same.
async fn on_record(
    parts: &Arc<Parts>,
    pool: &RepairPool,
    look: &Arc<Look>,
    (op, intent): (&Op, Option<IntentId>),
    addresses: &BTreeMap<String, String>,
) -> OpResult {
    let of = Effect::of(&look.brief, intent, parts.epoch);
    let (begun, sent) = (Instant::now(), now());
    let announced = parts.audit.announce(Event::EffectAnnounced { of: of.clone(), op: op.clone() }).await;
    let result = match announced {
        Err(error) if !op.is_release() => return not_done("AuditLogFails", error.to_string()),
        _ if op.is_release() || begun.elapsed() < STALE || is_still_free(parts, look).await => {
            perform(parts, pool, look, op, addresses).await
        }
        _ => not_done("Stopped", "something stopped it while it was put on record".to_owned()),
    };
    let ended = Event::EffectEnded { of, result: result.clone(), took: now().since(sent) };
    if let Err(error) = parts.audit.tell(ended).await {
        tracing::warn!(node = %look.brief.node.name, %error, "what was done is recorded later");
    }
    result
}

/// Whether nothing stops a saga that has begun, by live reads. What cannot be read may be a stop.
async fn is_still_free(parts: &Arc<Parts>, look: &Look) -> bool {
    matches!(observe::live_stop(parts, &look.remediation, true).await, Ok(None))
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
    // The way here may have been long: an effect waits for its record.
    if !parts.tenure.holds() {
        return not_done("Replaced", "another controller may lead by now; this one sends nothing".to_owned());
    }
    target.still = still(parts, look, op);
    match Act::of(op) {
        Ok(act) => parts.performer.perform(&target, act).await,
        Err(request) => checks::perform(&parts.performer, &target, pool, &request.checks).await,
    }
}

/// A launch is stopped up to the moment when it is sent: the watches know a Hold within milliseconds. Whoever launches
/// has begun. Everything else is stopped only when this process does not lead any more.
fn still(parts: &Arc<Parts>, look: &Arc<Look>, op: &Op) -> Still {
    if !matches!(op, Op::Launch(_)) {
        let tenure = parts.tenure.clone();
        return Still::asking(move || tenure.holds());
    }
    let (parts, look) = (parts.clone(), look.clone());
    Still::asking(move || observe::known_stop(&parts, &look.remediation, true).is_none())
}

fn not_done(reason: &str, message: String) -> OpResult {
    OpResult::NotDone(OpFailure { reason: reason.into(), message, retryable: true })
}
