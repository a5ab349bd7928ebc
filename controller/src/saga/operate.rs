//! Operations beside the looks: hundreds of them wait for their turn at once, so each keeps only what it needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nodemend_api::pool::RepairPool;
use nodemend_core::ids::IntentId;
use nodemend_core::op::{Op, OpFailure, OpResult};
use nodemend_core::saga::{NodeObservation, Observation, Stop};
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
    let (intent, of_undo) = (key.intent().cloned(), key.is_of_undo());
    // The journal is read anew when the operation has ended.
    look.remediation.status = None;
    let (parts, slots, look) = (parts.clone(), slots.clone(), Arc::new(look));
    tokio::spawn(async move {
        let brief = &look.brief;
        let result = match &look.pool {
            Some(pool) if is_planned && op.is_effect() => {
                on_record(&parts, pool, &look, (&op, intent, of_undo), &addresses).await
            }
            Some(pool) if is_planned => perform(&parts, pool, &look, (&op, of_undo), &addresses).await,
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
/// of ours is lifted, a node told what happened, and an undo brought to its end all the same.
async fn on_record(
    parts: &Arc<Parts>,
    pool: &RepairPool,
    look: &Arc<Look>,
    (op, intent, of_undo): (&Op, Option<IntentId>, bool),
    addresses: &BTreeMap<String, String>,
) -> OpResult {
    let of = Effect::of(&look.brief, intent, parts.epoch);
    let (begun, sent) = (Instant::now(), now());
    let announced = parts.audit.announce(Event::EffectAnnounced { of: of.clone(), op: op.clone() }).await;
    let result = match announced {
        Err(error) if !op.is_release() && !of_undo => return not_done("AuditLogFails", error.to_string()),
        _ if op.is_release() || begun.elapsed() < STALE || is_still_free(parts, look, of_undo).await => {
            perform(parts, pool, look, (op, of_undo), addresses).await
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
async fn is_still_free(parts: &Arc<Parts>, look: &Look, of_undo: bool) -> bool {
    observe::live_stop(parts, &look.remediation, true).await.is_ok_and(|stop| !binds(stop, of_undo))
}

async fn perform(
    parts: &Arc<Parts>,
    pool: &RepairPool,
    look: &Arc<Look>,
    (op, of_undo): (&Op, bool),
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
    target.still = still(parts, look, op, of_undo);
    match Act::of(op) {
        Ok(act) => parts.performer.perform(&target, act).await,
        Err(request) => checks::perform(&parts.performer, &target, pool, &request.checks).await,
    }
}

/// A launch or an eviction is stopped up to the moment when it is sent: the watches know a Hold within milliseconds. Whoever
/// sends one has begun. The job of an undo, and everything else, is stopped only when another controller may lead.
fn still(parts: &Arc<Parts>, look: &Arc<Look>, op: &Op, of_undo: bool) -> Still {
    if !matches!(op, Op::Launch(_) | Op::Drain(_)) {
        let tenure = parts.tenure.clone();
        return Still::asking(move || tenure.holds());
    }
    let (parts, look) = (parts.clone(), look.clone());
    Still::asking(move || !binds(observe::known_stop(&parts, &look.remediation, true), of_undo))
}

/// Whether a stop is one for the effect that is to be sent.
fn binds(stop: Option<Stop>, of_undo: bool) -> bool {
    stop.is_some_and(|stop| !of_undo || stop.binds_undo(true))
}

fn not_done(reason: &str, message: String) -> OpResult {
    OpResult::NotDone(OpFailure { reason: reason.into(), message, retryable: true })
}
