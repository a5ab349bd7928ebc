//! What a new leader does before it decides anything: pools and journals under way get its epoch, so that the API server
//! refuses whatever its predecessor still sends, and so do hosts on which a step may be under way.

use std::sync::Arc;

use futures::{StreamExt, stream};
use kube::api::ListParams;
use kube::{Client, ResourceExt};
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::Remediation;
use nodemend_core::ids::Epoch;
use nodemend_core::saga::{Journal, StepState};
use nodemend_exec::{Fence, Performer, Target};

use crate::access::AccessResolver;
use crate::finalizer::FINISHED_LABEL;
use crate::store::{StoreError, update_status};
use crate::watch::{World, each};

/// How many writes are under way at once.
const STAMPED_AT_ONCE: usize = 16;
/// How often a write is tried anew when another one, of our predecessor, came in between.
const TRIES: u32 = 5;

/// Everything that a takeover needs.
pub(crate) struct Takeover {
    /// For reads and writes.
    pub(crate) client: Client,
    /// How hosts are reached.
    pub(crate) access: Arc<AccessResolver>,
    /// Fences hosts.
    pub(crate) performer: Arc<Performer>,
    /// Pools and addresses.
    pub(crate) world: Arc<World>,
    /// Ours.
    pub(crate) epoch: Epoch,
}

/// Stamps pools and journals, then fences hosts beside everything else: a host that cannot be reached delays nobody. Its
/// own repair goes on with a look at the job, which carries the epoch and fences the host as well.
pub(crate) async fn take_over(takeover: Takeover) {
    let journals = match takeover.stamp().await {
        Ok(journals) => journals,
        Err(error) => {
            tracing::warn!(%error, "not everything was stamped; each journal is with its next write");
            Vec::new()
        }
    };
    tokio::spawn(takeover.fence(journals));
}

impl Takeover {
    /// Writes our epoch into every pool and every journal that is under way; which these are.
    async fn stamp(&self) -> Result<Vec<Remediation>, StoreError> {
        let mut pools = Vec::new();
        let listed =
            each(&self.client, ListParams::default(), |pool: RepairPool| pools.push(pool.name_any()));
        listed.await.map_err(StoreError::of::<RepairPool>("all"))?;
        let mut journals = Vec::new();
        let under_way = ListParams::default().labels(&format!("!{FINISHED_LABEL}"));
        let listed = each(&self.client, under_way, |remediation: Remediation| {
            journals.extend(Some(remediation).filter(is_under_way));
        });
        listed.await.map_err(StoreError::of::<Remediation>("all"))?;
        let pools = stream::iter(pools).map(async |name| self.stamp_pool(&name).await);
        pools.buffer_unordered(STAMPED_AT_ONCE).collect::<()>().await;
        let names = journals.iter().map(ResourceExt::name_any);
        let stamped = stream::iter(names).map(async |name| self.stamp_journal(&name).await);
        stamped.buffer_unordered(STAMPED_AT_ONCE).collect::<()>().await;
        tracing::info!(epoch = self.epoch, journals = journals.len(), "what is under way has our epoch");
        Ok(journals)
    }

    async fn stamp_pool(&self, name: &str) {
        let tried = tried(async || {
            update_status(&self.client, name, |pool: &mut RepairPool| {
                raise(&mut pool.status.get_or_insert_default().epoch, self.epoch)
            })
            .await
        });
        if let Err(error) = tried.await {
            tracing::warn!(pool = name, %error, "the pool has not got our epoch yet");
        }
    }

    async fn stamp_journal(&self, name: &str) {
        let tried = tried(async || {
            update_status(&self.client, name, |remediation: &mut Remediation| {
                let journal = remediation.status.as_mut().map(|status| &mut status.journal);
                journal
                    .filter(|journal| !journal.is_finished())
                    .is_some_and(|journal| raise(&mut journal.epoch, self.epoch))
            })
            .await
        });
        if let Err(error) = tried.await {
            tracing::warn!(remediation = name, %error, "the journal has not got our epoch yet");
        }
    }

    /// Has every host on which a step may be under way refuse our predecessor.
    async fn fence(self, journals: Vec<Remediation>) {
        let this = &self;
        let started = journals.into_iter().filter(|remediation| may_run(journal(remediation)));
        stream::iter(started)
            .for_each_concurrent(STAMPED_AT_ONCE, async |remediation| this.fence_host(&remediation).await)
            .await;
    }

    async fn fence_host(&self, remediation: &Remediation) {
        let Some(target) = self.target(remediation).await else { return };
        match self.performer.fence(&target, self.epoch).await {
            Ok(Fence::Obeys) => tracing::info!(node = %target.node, epoch = self.epoch, "host fenced"),
            Ok(Fence::Ahead(epoch)) => self.world.host_obeys(&target.node, epoch),
            Err(failure) => {
                tracing::warn!(node = %target.node, problem = failure.message, "host not fenced; its repair looks first");
            }
        }
    }

    async fn target(&self, remediation: &Remediation) -> Option<Target> {
        let node = &remediation.spec.repairs.first()?.node;
        let (pool, addresses) = {
            let known = self.world.look();
            let addresses = known.addresses.get(&node.name).cloned().unwrap_or_default();
            (known.pools.get(&remediation.spec.pool).cloned()?, addresses)
        };
        let target = self.access.target(&pool, &pool.spec.access.repair, (&node.name, &node.uid), &addresses);
        target.await.inspect_err(|error| tracing::warn!(node = %node.name, %error, "host not fenced")).ok()
    }
}

/// Tries a write anew while others come in between.
async fn tried(write: impl AsyncFn() -> Result<(), StoreError>) -> Result<(), StoreError> {
    for _ in 1..TRIES {
        match write().await {
            Err(StoreError::Conflict { .. }) => {}
            ended => return ended,
        }
    }
    write().await
}

fn raise(stored: &mut Epoch, ours: Epoch) -> bool {
    let lower = *stored < ours;
    *stored = (*stored).max(ours);
    lower
}

fn journal(remediation: &Remediation) -> Option<&Journal> {
    remediation.status.as_ref().map(|status| &status.journal)
}

fn is_under_way(remediation: &Remediation) -> bool {
    journal(remediation).is_some_and(|journal| !journal.is_finished())
}

/// Whether something that was sent to the host may still arrive or go on there.
fn may_run(journal: Option<&Journal>) -> bool {
    let steps = journal.into_iter().flat_map(|journal| &journal.steps);
    let may = |state| {
        use StepState::{Indeterminate, Started, UndoFailed, UndoStarted};
        matches!(state, Started | Indeterminate | UndoStarted | UndoFailed)
    };
    steps.into_iter().any(|step| may(step.state))
}
