//! Asks the gates of rollouts, beside the planner's rounds, and puts what they answer where the next round sees it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, oneshot::pinned_kind};
use nodemend_core::rollout::{Answer, Asked, Gate, ObjectCondition};
use nodemend_core::time::Span;

use super::Planner;
use super::asking::{self, HttpClient};
use crate::clock::now;
use crate::watch::World;

/// How long a gate may take to answer; later is a no.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long answers are kept, so that those of runs that are over go.
const KEPT: Span = Span::minutes(10);

/// Asks each question once at a time.
#[derive(Clone)]
pub(crate) struct Gatekeeper {
    client: Client,
    http: HttpClient,
    asking: Arc<Mutex<BTreeSet<Asked>>>,
}

impl Gatekeeper {
    /// Questions about objects are asked with `client`, all others over HTTP.
    pub(crate) fn new(client: Client) -> std::io::Result<Self> {
        Ok(Self { client, http: asking::http_client()?, asking: Arc::default() })
    }

    fn begin(&self, asked: &Asked) -> bool {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).insert(asked.clone())
    }

    fn end(&self, asked: &Asked) {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(asked);
    }

    /// What the gate says; what cannot be asked is a no.
    pub(crate) async fn answer(&self, asked: &Asked, gate: &Gate) -> Answer {
        let asking = async {
            if let Some(query) = &gate.prometheus_query {
                asking::prometheus(&self.http, query).await
            } else if let Some(webhook) = &gate.webhook {
                asking::webhook(&self.http, webhook, asked).await
            } else if let Some(condition) = &gate.object_condition {
                self.condition(condition).await
            } else {
                Err("the gate asks nothing".to_owned())
            }
        };
        let said = tokio::time::timeout(DEADLINE, asking).await;
        let said = said.unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")));
        let open = said.is_ok();
        Answer { open, why: said.unwrap_or_else(|why| why), at: now() }
    }

    async fn condition(&self, wanted: &ObjectCondition) -> Result<String, String> {
        let (group, version) = wanted.api_version.rsplit_once('/').unwrap_or(("", &wanted.api_version));
        let kind = GroupVersionKind::gvk(group, version, &wanted.kind);
        let told = |error: kube::Error| format!("{} {}: {error}", wanted.kind, wanted.name);
        let (resource, capabilities) = pinned_kind(&self.client, &kind).await.map_err(told)?;
        let api: Api<DynamicObject> = match (&wanted.namespace, capabilities.scope) {
            (Some(namespace), Scope::Namespaced) => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            (None, Scope::Cluster) => Api::all_with(self.client.clone(), &resource),
            (None, Scope::Namespaced) => return Err(format!("{} needs a namespace", wanted.kind)),
            (Some(_), Scope::Cluster) => return Err(format!("{} has no namespace", wanted.kind)),
        };
        let object = api.get(&wanted.name).await.map_err(told)?;
        asking::condition(&object.data, &wanted.kind_of_condition)
    }
}

impl Planner {
    /// Asks a gate, unless it is being asked. Its answer rings for the next round.
    pub(super) fn ask(&self, asked: Asked, gate: Gate) {
        if !self.gatekeeper.begin(&asked) {
            return;
        }
        let (gatekeeper, world) = (self.gatekeeper.clone(), self.world.clone());
        tokio::spawn(async move {
            let answer = gatekeeper.answer(&asked, &gate).await;
            tracing::info!(
                run = asked.run,
                gate = gate.describe(),
                open = answer.open,
                why = answer.why,
                "gate"
            );
            gatekeeper.end(&asked);
            put(&world, asked, answer);
        });
    }
}

fn put(world: &World, asked: Asked, answer: Answer) {
    let oldest = now().before(KEPT);
    let mut known = world.look();
    known.snapshot.answers.retain(|_, answer| answer.at > oldest);
    known.snapshot.answers.insert(asked, answer);
    drop(known);
    world.ring();
}
