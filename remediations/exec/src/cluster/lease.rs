//! The Lease of a node by which the medik8s operators agree who repairs it: held by us from the cordon to its end, and
//! respected in others' hands.
//!
//! Name, namespace and meaning are those of their common lease package. A cluster without the namespace has nobody to
//! agree with. The Lease is written for an hour, as they do it, and renewed while operations of the repair go on, at
//! most every ten minutes: a repair may take as long as it takes, and one whose controller is gone for good keeps the
//! others away for an hour at most. A node that is Held for a person is not renewed for; its Lease runs out.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use nodemend_core::blocker::Blocker;
use nodemend_core::ids::{NodeName, NodeUid};
use nodemend_core::time::Time;

use super::Cluster;
use super::client::{RequestError, within};
use crate::failure::Failed;
use crate::target::Target;
use claim::{Claim, Holder, claim, holder};

#[path = "lease_claim.rs"]
mod claim;

/// Where the medik8s operators keep their Leases, unless told otherwise.
const NAMESPACE: &str = "medik8s-leases";
/// How often a write is tried anew when somebody else wrote the Lease in between, or when it is to be given back.
const ATTEMPTS: u32 = 5;
/// How long it is waited before it is tried once more to give it back; twice as long each time, three seconds in all.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How long a renewal is good for: a sixth of the Lease's time, so that five may fail in a row.
const RENEW_AFTER: Duration = Duration::from_mins(10);
/// The reason of refusals and blockers.
const HELD: &str = "LeaseHeld";

/// When this process last looked at each node's Lease, so that a round of a drain costs no further request.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<BTreeMap<NodeUid, Instant>>);

/// Who else holds the node's Lease now, as what is in the way of a repair.
pub(super) async fn held_by_another(client: &Client, node: &NodeName) -> Result<Option<Blocker>, Failed> {
    let lease = read(&leases(client), node).await?;
    Ok(lease.and_then(|lease| holder(&lease, Timestamp::now())).map(|other| {
        let blocker = Blocker::new(HELD, object(node), other.message(node));
        blocker.until(Time(other.until.as_millisecond()))
    }))
}

impl Cluster {
    /// Takes the node's Lease, or renews it if it is ours. Refused, for now, while another one holds it.
    pub(super) async fn take_lease(&self, target: &Target) -> Result<(), Failed> {
        let api = leases(&self.client);
        for _ in 0..ATTEMPTS {
            let found = read(&api, &target.node).await?;
            let write = match claim(found.as_ref(), &target.node, &target.node_uid, Timestamp::now()) {
                Claim::Held(other) => return Err(refused(&target.node, &other)),
                Claim::Write(lease) => lease,
            };
            self.writes.wait().await;
            let written = match found {
                Some(_) => within(api.replace(&name(&target.node), &PostParams::default(), &write)).await,
                None => within(api.create(&PostParams::default(), &write)).await,
            };
            match written {
                Ok(_) => {
                    self.looks.note(&target.node_uid);
                    return Ok(());
                }
                Err(e) if is_namespace_missing(&e) => return Ok(()),
                // Somebody was quicker, or it was deleted in between: look again.
                Err(e) if e.is_conflict() || e.is_not_found() => {}
                Err(e) => return Err(e.of_write(&object(&target.node)).without_effect()),
            }
        }
        Err(Failed::not_done("Conflict", format!("{}: others write it all the time", object(&target.node))))
    }

    /// Renews the node's Lease if it is ours, now and then. Only another holder is an error: a renewal that fails is
    /// tried again later, and most may fail.
    pub(super) async fn renew_lease(&self, target: &Target) -> Result<(), Failed> {
        if self.looks.is_recent(&target.node_uid) {
            return Ok(());
        }
        let renewed = match read(&leases(&self.client), &target.node).await {
            Ok(Some(lease)) if claim::is_ours(&lease) => self.take_lease(target).await,
            Ok(lease) => match lease.and_then(|lease| holder(&lease, Timestamp::now())) {
                Some(other) => return Err(refused(&target.node, &other)),
                None => Ok(()),
            },
            Err(failed) => Err(failed),
        };
        if let Err(failed) = renewed {
            tracing::warn!(node = %target.node, ?failed, "the Lease was not renewed");
        }
        self.looks.note(&target.node_uid);
        Ok(())
    }

    /// The same while a job on the host goes on, which nothing stops: jobs of a node that was never cordoned need no
    /// Lease, and one that is under way is not cut off.
    pub(crate) async fn keep_lease(&self, target: &Target) {
        if let Err(failed) = self.renew_lease(target).await {
            tracing::warn!(node = %target.node, ?failed, "another one holds the Lease");
            self.looks.note(&target.node_uid);
        }
    }

    /// Gives our Lease of the node back; a few times, if the API server has no answer or says no. What cannot be given back
    /// runs out by itself, and keeps others from the node until then.
    pub(super) async fn release_lease(&self, node: &NodeName, uid: &NodeUid) {
        self.looks.forget(uid);
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            match self.delete_lease(node).await {
                Ok(()) => return,
                Err(failed) if attempt == ATTEMPTS => not_released(node, &failed),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
    }

    /// Deletes the Lease if it is ours, as it was read.
    async fn delete_lease(&self, node: &NodeName) -> Result<(), Failed> {
        let api = leases(&self.client);
        let Some(lease) = read(&api, node).await?.filter(claim::is_ours) else { return Ok(()) };
        let preconditions =
            Preconditions { uid: lease.metadata.uid, resource_version: lease.metadata.resource_version };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        self.writes.wait().await;
        match within(api.delete(&name(node), &params)).await {
            Err(e) if !e.is_not_found() => Err(e.of_write(&object(node))),
            _ => Ok(()),
        }
    }
}

impl Looks {
    fn is_recent(&self, node: &NodeUid) -> bool {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(node).is_some_and(|at| at.elapsed() < RENEW_AFTER)
    }

    fn note(&self, node: &NodeUid) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.retain(|_, at| at.elapsed() < RENEW_AFTER);
        looks.insert(node.clone(), Instant::now());
    }

    fn forget(&self, node: &NodeUid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
    }
}

fn leases(client: &Client) -> Api<Lease> {
    Api::namespaced(client.clone(), NAMESPACE)
}

async fn read(api: &Api<Lease>, node: &NodeName) -> Result<Option<Lease>, Failed> {
    match within(api.get(&name(node))).await {
        Ok(lease) => Ok(Some(lease)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.of_read(&object(node))),
    }
}

/// Only the answer to a create tells: a read of what is missing is the same without its namespace.
fn is_namespace_missing(error: &RequestError) -> bool {
    let RequestError::Answer(status) = error else { return false };
    error.is_not_found() && status.details.as_ref().is_some_and(|of| of.kind == "namespaces")
}

fn refused(node: &NodeName, other: &Holder) -> Failed {
    Failed::not_done(HELD, other.message(node))
}

fn not_released(node: &NodeName, failed: &Failed) {
    tracing::warn!(node = %node, ?failed, "the Lease was not given back; it runs out by itself");
}

fn name(node: &NodeName) -> String {
    format!("node-{node}").to_lowercase()
}

fn object(node: &NodeName) -> String {
    format!("lease/{NAMESPACE}/{}", name(node))
}
