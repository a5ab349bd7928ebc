//! The epoch: one number per time that the Lease is taken, higher than any before, so that who has been replaced can be
//! told by every object and every host that it writes to.

use std::time::Duration;

use kube::api::ListParams;
use kube::{Api, Client};
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::Remediation;
use nodemend_core::ids::Epoch;

use super::behind;
use crate::pause::Pauses;
use crate::store::{StoreError, put_status, update_status};
use crate::watch::each;

/// A guard that is not there yet is looked for at least this often.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Raises the epoch by one over the highest that guard, pools and journals know, and takes it. Waits while there is no
/// RepairGuard: without one nothing disruptive starts.
pub async fn take(client: &Client) -> Epoch {
    let mut told = false;
    let mut pauses = Pauses::up_to(LOOK_AGAIN);
    loop {
        match try_take(client).await {
            Ok(Some(epoch)) => return epoch,
            Ok(None) if !told => {
                told = true;
                tracing::warn!(
                    "no RepairGuard named `{GUARD_NAME}`: findings are collected, nothing is repaired"
                );
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "epoch not taken; tried again"),
        }
        tokio::time::sleep(pauses.next_pause()).await;
    }
}

async fn try_take(client: &Client) -> Result<Option<Epoch>, StoreError> {
    let guards: Api<RepairGuard> = Api::all(client.clone());
    let Some(mut guard) =
        guards.get_opt(GUARD_NAME).await.map_err(StoreError::of::<RepairGuard>(GUARD_NAME))?
    else {
        return Ok(None);
    };
    let generation = guard.metadata.generation;
    let status = guard.status.get_or_insert_default();
    let elsewhere = highest_in_pools(client).await?.max(highest_in_journals(client).await?);
    let epoch = status.epoch.max(elsewhere) + 1;
    status.epoch = epoch;
    behind::cleared(status, generation);
    // Written on the resourceVersion that was read: of two processes at once, one has to read again.
    put_status(client, &guard).await?;
    Ok(Some(epoch))
}

/// Writes our epoch into a guard that was deleted and made again: without it nothing of ours would ever start. A guard that
/// has been taken by another process meanwhile is left to it, if its epoch is the higher one. Whether it was written.
pub(crate) async fn restore(client: &Client, ours: Epoch) -> Result<bool, StoreError> {
    let mut restored = false;
    update_status(client, GUARD_NAME, |guard: &mut RepairGuard| {
        let status = guard.status.get_or_insert_default();
        let lower = status.epoch < ours;
        status.epoch = status.epoch.max(ours);
        restored = lower;
        lower
    })
    .await?;
    Ok(restored)
}

async fn highest_in_pools(client: &Client) -> Result<Epoch, StoreError> {
    let mut highest = 0;
    let listed = each(client, ListParams::default(), |pool: RepairPool| {
        highest = highest.max(pool.status.map_or(0, |status| status.epoch));
    });
    listed.await.map_err(StoreError::of::<RepairPool>("all"))?;
    Ok(highest)
}

/// A page at a time: there may be thousands.
async fn highest_in_journals(client: &Client) -> Result<Epoch, StoreError> {
    let mut highest = 0;
    let listed = each(client, ListParams::default(), |remediation: Remediation| {
        highest = highest.max(remediation.status.map_or(0, |status| status.journal.epoch));
    });
    listed.await.map_err(StoreError::of::<Remediation>("all"))?;
    Ok(highest)
}
