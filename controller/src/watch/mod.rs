//! The world as the controller knows it: rows kept up to date by watches, one watch per kind.

mod load;
mod node_view;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use nodemend_api::pool::RepairPool;
use nodemend_core::ids::{Epoch, NodeName, NodeUid, RunUid};
use nodemend_core::snapshot::Snapshot;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

pub(crate) use load::each;
pub use load::{LoadError, load};
pub(crate) use node_view::NodeView;
pub(crate) use rows::Row;

/// How many objects a page of a list has: a page is in memory as text and as objects at the same time.
const PAGE: u32 = 100;

/// Everything that is known, and a bell that rings when it changes.
#[derive(Debug, Default)]
pub struct World {
    known: Mutex<Known>,
    changed: Notify,
    grants_changed: Notify,
    hosts_told: Notify,
}

/// The kinds whose status has grants.
const WITH_GRANTS: [&str; 2] = ["RepairGuard", "RepairPool"];

/// What the watches have seen.
#[derive(Debug, Default)]
pub struct Known {
    /// What decisions are made from.
    pub snapshot: Snapshot,
    /// Pools as they are stored: how their hosts are reached is no matter of decisions.
    pub pools: BTreeMap<String, Arc<RepairPool>>,
    /// Addresses of nodes, by type.
    pub addresses: BTreeMap<NodeName, BTreeMap<String, String>>,
    /// The highest epoch that a host is known to obey, and which host it is.
    pub(crate) highest_obeyed: Option<(Epoch, NodeName)>,
    /// Whether rows have what people read and decisions do not: journals that are over, words of checks that pass.
    whole: bool,
    /// Which page of which run each PlanPage is.
    page_names: BTreeMap<String, (RunUid, u32)>,
    /// Whose report each DiagnosisReport is.
    report_names: BTreeMap<String, (NodeUid, String)>,
    /// Kinds whose first list has arrived in full.
    listed: BTreeSet<String>,
}

impl World {
    /// What is known now. Held only for as long as it takes to look.
    pub fn look(&self) -> MutexGuard<'_, Known> {
        // A panic while looking leaves rows whole: each is put in or taken out in one go.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changes.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Has whoever waits look again.
    pub fn ring(&self) {
        self.changed.notify_one();
    }

    /// Waits until an object that has grants changes.
    pub(crate) async fn grants_changed(&self) {
        self.grants_changed.notified().await;
    }

    /// Takes down which epoch a host obeys.
    pub(crate) fn host_obeys(&self, node: &NodeName, epoch: Epoch) {
        let mut known = self.look();
        if known.highest_obeyed.as_ref().is_none_or(|(highest, _)| *highest < epoch) {
            known.highest_obeyed = Some((epoch, node.clone()));
            drop(known);
            self.hosts_told.notify_one();
        }
    }

    /// Waits until a host is known to obey a higher epoch than any before.
    pub(crate) async fn hosts_told(&self) {
        self.hosts_told.notified().await;
    }

    /// Whether the first list of every kind has arrived: before that, what is not known may well be there.
    pub fn is_complete(&self) -> bool {
        self.look().listed.len() == rows::KINDS
    }
}

/// Starts the watches; each lasts as long as the process and comes back with a growing pause after an error.
pub fn start(client: &Client, world: &Arc<World>) {
    rows::each_kind(client, world);
}

/// Follows one kind for ever.
async fn follow<K>(api: Api<K>, world: Arc<World>)
where
    K: Row + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let kind = K::row_kind();
    let mut events =
        watcher(api, watcher::Config::default().timeout(60).page_size(PAGE)).default_backoff().boxed();
    let mut listing = Listing::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                listing.take(event, &mut world.look());
                world.ring();
                if WITH_GRANTS.contains(&kind) {
                    world.grants_changed.notify_one();
                }
            }
            Err(error) => tracing::warn!(kind, %error, "watch failed; it is tried again"),
        }
    }
}

/// Names seen since a list began, so that rows of objects that are gone can be taken out at its end.
#[derive(Debug, Default)]
struct Listing(BTreeSet<String>);

impl Listing {
    fn take<K: Row>(&mut self, event: Event<K>, known: &mut Known) {
        match event {
            Event::Init => self.0.clear(),
            Event::InitApply(object) => {
                self.0.insert(object.row_name());
                object.put(known);
            }
            Event::InitDone => {
                for gone in K::names(known).into_iter().filter(|name| !self.0.contains(name)) {
                    K::take_out(known, &gone);
                }
                known.listed.insert(K::row_kind().to_owned());
            }
            Event::Apply(object) => object.put(known),
            Event::Delete(object) => K::take_out(known, &object.row_name()),
        }
    }
}
