//! When hosts know more than the cluster: a restored backup. The guard says so, and with that nothing starts anywhere.

use std::time::Duration;

use kube::Client;
use nodemend_api::conditions::{READY, STALLED, Wanted, set};
use nodemend_api::guard::{GUARD_NAME, RepairGuard, RepairGuardStatus};
use nodemend_core::ids::{Epoch, NodeName};
use nodemend_core::snapshot::Behind;

use crate::clock::now;
use crate::pause::Pauses;
use crate::store::{StoreError, update_status};
use crate::watch::World;

/// A write that failed is tried anew after this long at most.
const AGAIN: Duration = Duration::from_secs(10);

/// Watches for hosts that obey a higher epoch than ours, for ever.
pub(crate) async fn watch(client: &Client, world: &World, ours: Epoch) {
    loop {
        let highest = world.look().highest_obeyed.clone();
        if let Some((epoch, node)) = highest.filter(|(epoch, _)| *epoch > ours) {
            tell(client, &node, epoch, ours).await;
        }
        world.hosts_told().await;
    }
}

/// Writes it down until it is written down. If the guard is another one's by now, the host is not ahead but we are late.
async fn tell(client: &Client, node: &NodeName, epoch: Epoch, ours: Epoch) {
    let mut pauses = Pauses::up_to(AGAIN);
    while let Err(error) = write(client, node, epoch, ours).await {
        tracing::warn!(%node, epoch, ours, %error, "not written to the RepairGuard that a host is ahead of it");
        tokio::time::sleep(pauses.next_pause()).await;
    }
}

async fn write(client: &Client, node: &NodeName, epoch: Epoch, ours: Epoch) -> Result<(), StoreError> {
    update_status(client, GUARD_NAME, |guard: &mut RepairGuard| {
        let generation = guard.metadata.generation;
        let status = guard.status.get_or_insert_default();
        let known = status.behind.as_ref().is_some_and(|behind| behind.epoch >= epoch);
        if status.epoch != ours || known {
            return false;
        }
        let behind = Behind { node: node.clone(), epoch, since: now() };
        tracing::error!(%node, epoch, ours, "{}", behind.blocker().next);
        set_conditions(status, &behind.blocker().next, generation);
        status.behind = Some(behind);
        true
    })
    .await
}

fn set_conditions(status: &mut RepairGuardStatus, message: &str, generation: Option<i64>) {
    for (kind, holds) in [(READY, false), (STALLED, true)] {
        let wanted = Wanted { kind, holds: Some(holds), reason: "EpochBehind", message };
        set(&mut status.conditions, wanted, generation, now());
    }
}

/// Writes conditions that nothing is in the way, once a person has taken it away.
pub(super) fn cleared(status: &mut RepairGuardStatus, generation: Option<i64>) {
    if status.behind.is_some() || status.conditions.is_empty() {
        return;
    }
    for (kind, holds) in [(READY, true), (STALLED, false)] {
        let wanted = Wanted { kind, holds: Some(holds), reason: "Leading", message: "" };
        set(&mut status.conditions, wanted, generation, now());
    }
}
