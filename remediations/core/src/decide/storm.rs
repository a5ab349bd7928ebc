//! The storm breaker in a round: Holds that it makes and lifts, before anything is asked for.

use std::borrow::Cow;

use super::Decision;
use crate::rollout::storm::{HoldChange, Turn, blind, cause, hold_name, is_storm, turn};
use crate::snapshot::{Hold, HoldScope, Pool, Snapshot};
use crate::time::Time;

/// What changes about storms. While the controller may be the one that is cut off, nothing does.
pub(super) fn storms(snapshot: &Snapshot, now: Time) -> Vec<Decision> {
    if blind(snapshot) {
        return Vec::new();
    }
    let of_pools = snapshot.pools.values().filter_map(|pool| of_pool(snapshot, pool, now));
    of_pools.chain(left_behind(snapshot)).collect()
}

fn of_pool(snapshot: &Snapshot, pool: &Pool, now: Time) -> Option<Decision> {
    let name = hold_name(&pool.name);
    if !readable(snapshot, "repairpool", &pool.name) || !readable(snapshot, "hold", &name) {
        return None;
    }
    let held = snapshot.holds.get(&name).filter(|hold| is_storm(hold));
    let turn = turn(pool, held, cause(snapshot, pool, now), now)?;
    Some(Decision::Storm { pool: pool.name.clone(), turn: Box::new(turn) })
}

/// Storm Holds of pools that are gone: nobody else would ever lift them.
fn left_behind(snapshot: &Snapshot) -> impl Iterator<Item = Decision> {
    snapshot.holds.values().filter(|hold| is_storm(hold)).filter_map(|hold| {
        let HoldScope::Pool { name: pool } = &hold.scope else { return None };
        let gone = !snapshot.pools.contains_key(pool) && readable(snapshot, "repairpool", pool);
        let turn = Turn { state: None, hold: HoldChange::Lift };
        gone.then(|| Decision::Storm { pool: pool.clone(), turn: Box::new(turn) })
    })
}

fn readable(snapshot: &Snapshot, kind: &str, name: &str) -> bool {
    !snapshot.undecodable.contains_key(&format!("{kind}/{name}"))
}

/// The snapshot with the Holds that are about to be made: a storm stops the runs of the round in which it is seen.
pub(super) fn held<'a>(snapshot: &'a Snapshot, storms: &[Decision]) -> Cow<'a, Snapshot> {
    let made: Vec<&Hold> = storms.iter().filter_map(made).collect();
    if made.is_empty() {
        return Cow::Borrowed(snapshot);
    }
    let mut held = snapshot.clone();
    for hold in made {
        // Somebody else's Hold under that name stays what it is, and the storm counts all the same.
        let taken = held.holds.contains_key(&hold.name);
        let key = if taken { format!("{}/storm", hold.name) } else { hold.name.clone() };
        held.holds.insert(key, hold.clone());
    }
    Cow::Owned(held)
}

fn made(decision: &Decision) -> Option<&Hold> {
    match decision {
        Decision::Storm { turn, .. } => match &turn.hold {
            HoldChange::Make(hold) => Some(hold),
            HoldChange::Keep | HoldChange::Lift => None,
        },
        _ => None,
    }
}
