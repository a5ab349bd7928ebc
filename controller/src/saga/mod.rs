//! The sagas: kube's `Controller` over Remediations, one `saga::next` at a time, nothing awaited on a node.

mod bar;
mod brief;
mod clear;
mod drive;
mod live;
mod observe;
mod operate;
mod shared;
mod slots;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Config as ControllerConfig};
use kube::runtime::events::Recorder;
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{Controller, WatchStreamExt};
use kube::{Api, Client, ResourceExt};
use nodemend_api::remediation::Remediation;
use nodemend_core::ids::Epoch;
use nodemend_core::snapshot::is_granted;
use nodemend_exec::Performer;
use tokio::sync::mpsc;

use crate::access::AccessResolver;
use crate::audit::Audit;
use crate::finalizer::FINISHED_LABEL;
use crate::http::Gauges;
use crate::leader::Tenure;
use crate::planner::Gatekeeper;
use crate::prober::Poke;
use crate::replicas::Replicas;
use crate::store::StoreError;
use crate::watch::World;
pub(crate) use live::LiveReads;
use slots::Slots;

/// How many sagas may be looked at once; each look is a few requests, never work on a node.
const AT_ONCE: u16 = 64;
/// How long to wait after an error that another look may not have.
const AFTER_ERROR: Duration = Duration::from_secs(3);

/// A look at a saga that came to no end. Nothing is lost: the journal says where to go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SagaError {
    /// A read or write of the API server failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object is not what it has to be.
    #[error("{0}")]
    Refused(String),
    /// Another controller leads, or may lead: nothing is written and nothing is sent.
    #[error("this controller has been replaced; it does nothing more")]
    Replaced,
}

/// What says which saga to look at: the look itself reads the rest.
pub(crate) type Marker = PartialObjectMeta<Remediation>;

/// What the sagas are made of.
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) access: Arc<AccessResolver>,
    pub(crate) performer: Arc<Performer>,
    pub(crate) epoch: Epoch,
    /// Whether this process leads still.
    pub(crate) tenure: Tenure,
    pub(crate) recorder: Recorder,
    pub(crate) gauges: Gauges,
    pub(crate) poke: Poke,
    /// What asks the gates of scope `Node` once more.
    pub(crate) gatekeeper: Gatekeeper,
    /// Where effects and their ends are recorded.
    pub(crate) audit: Audit,
    /// The other replicas of this controller.
    pub(crate) replicas: Replicas,
    /// Live reads before effects.
    pub(crate) live: LiveReads,
}

/// All sagas of this process.
pub(crate) struct Sagas {
    parts: Arc<Parts>,
    slots: Arc<Slots>,
    answered: mpsc::UnboundedReceiver<ObjectRef<Marker>>,
}

impl Sagas {
    pub(crate) fn new(parts: Parts) -> Self {
        let (ring, answered) = mpsc::unbounded_channel();
        Self { parts: Arc::new(parts), slots: Arc::new(Slots::new(ring)), answered }
    }
}

/// Works on sagas for ever. An operation that has ended rings `answered`, which has its saga looked at again.
pub(crate) async fn run(watching: Client, sagas: Sagas) {
    let Sagas { parts, slots, answered } = sagas;
    let answered = futures::stream::unfold(answered, |mut answered| async {
        answered.recv().await.map(|saga| (saga, answered))
    });
    tokio::spawn(begin_when_granted(parts.world.clone(), slots.clone()));
    let config = ControllerConfig::default().concurrency(AT_ONCE);
    // Metadata of what is under way alone: thousands of journals would fill the memory twice.
    let under_way = watcher::Config::default().timeout(60).labels(&format!("!{FINISHED_LABEL}"));
    let (reader, writer) = reflector::store();
    let changes = watcher(Api::<Marker>::all(watching), under_way)
        .default_backoff()
        .modify(|marker: &mut Marker| marker.metadata.managed_fields = None)
        .reflect(writer)
        .applied_objects();
    Controller::for_stream(changes, reader)
        .with_config(config)
        .reconcile_on(answered)
        .run(
            move |remediation, driver: Arc<drive::Driver>| async move {
                driver.look(&remediation.name_any()).await
            },
            |_, error, _| {
                match error {
                    SagaError::Store(StoreError::Conflict { .. }) => {
                        tracing::debug!(%error, "looked at again");
                    }
                    error => tracing::warn!(%error, "saga is looked at again"),
                }
                Action::requeue(AFTER_ERROR)
            },
            Arc::new(drive::Driver { parts, slots, briefs: brief::Briefs::default() }),
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

/// Has sagas looked at as soon as the watches show their grants: a Remediation is made before it is granted.
async fn begin_when_granted(world: Arc<World>, slots: Arc<Slots>) {
    loop {
        world.grants_changed().await;
        let granted: Vec<String> = {
            let known = world.look();
            let snapshot = &known.snapshot;
            let inert = snapshot.remediations.values().filter(|remediation| remediation.journal.is_none());
            let granted = inert.filter(|r| is_granted(snapshot, &r.name, &r.pool));
            granted.map(|remediation| remediation.name.clone()).collect()
        };
        for name in granted {
            slots.ring(&name);
        }
    }
}
