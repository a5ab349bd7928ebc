//! What would be in the way of a node's drain, found out by reads alone before the node is touched.
//!
//! A node that is cordoned first and asked afterwards loses capacity while it waits. Whatever cannot be read is an
//! error: the caller waits, for nobody knows what is in the way.

mod budgets;
mod requests;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{self as core, Namespace, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Client;
use kube::api::{Api, ListParams};
use nodemend_core::actions::Drain;
use nodemend_core::blocker::Blocker;
use nodemend_core::drain::filter::{self, PodView, Verdict};
use nodemend_core::drain::{DrainOptions, DrainRule};
use nodemend_core::ids::NodeName;
use nodemend_core::op::OpFailure;
use nodemend_core::saga::DRAIN_REFUSED;
use nodemend_core::selector::Labels;
use nodemend_core::time::Span;

use super::client::{list_all, within};
use super::drain::first_of;
use super::{lease, pods};
use crate::failure::Failed;
use requests::Request;
use webhooks::{Hook, Service};

/// The label of an `EndpointSlice` that names its Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// A pod that has to leave the node, and how the drain would make it leave.
struct Leaving {
    pod: Pod,
    view: PodView,
    verdict: Verdict,
}

/// What is in the way of draining `node` now: pods that must not be touched, budgets that allow no disruption, admission
/// webhooks that cannot answer and must, and another operator's Lease of the node. At most eight are named; none means that nothing is in the way.
///
/// `drain` and `rules` say which pods would be evicted. Fails with the reason of a read that was not answered; nothing
/// is known then.
pub async fn preflight(
    client: &Client,
    node: &NodeName,
    drain: &Drain,
    rules: &[DrainRule],
) -> Result<Vec<Blocker>, OpFailure> {
    look(client, node, &drain.options(rules)).await.map_err(Failed::into_failure)
}

async fn look(client: &Client, node: &NodeName, options: &DrainOptions) -> Result<Vec<Blocker>, Failed> {
    let leaving = leaving(client, node, options).await?;
    let mut found: Vec<Blocker> = lease::held_by_another(client, node).await?.into_iter().collect();
    found.extend(leaving.iter().filter_map(refusal));
    found.extend(budgets::in_the_way(&leaving, &budgets_of(client, &leaving).await?));
    found.extend(silent_webhooks(client, node, &leaving).await?);
    Ok(first_of(found.into_iter()))
}

/// A pod that keeps the node from being drained at all, or of which that is not known.
fn refusal(leaving: &Leaving) -> Option<Blocker> {
    match &leaving.verdict {
        Verdict::Refuse(why) => Some(Blocker { reason: DRAIN_REFUSED.to_owned(), ..why.clone() }),
        Verdict::Unknown(why) => Some(why.clone()),
        _ => None,
    }
}

async fn leaving(client: &Client, node: &NodeName, options: &DrainOptions) -> Result<Vec<Leaving>, Failed> {
    let (pods, _) = pods::of_node(client, node).await?;
    let views = pods::views(client, &pods::DaemonSets::default(), &pods).await;
    let all = pods.into_iter().zip(views).map(|(pod, view)| {
        let verdict = filter::verdict(&view, options, Span(0));
        Leaving { pod, view, verdict }
    });
    Ok(all.filter(|leaving| leaving.verdict != Verdict::Stays).collect())
}

/// The budgets of the namespaces that a budget could keep a pod in.
async fn budgets_of(client: &Client, leaving: &[Leaving]) -> Result<Vec<PodDisruptionBudget>, Failed> {
    let asking = leaving.iter().filter(|leaving| budgets::are_asked(leaving));
    let namespaces: BTreeSet<&str> = asking.map(|leaving| leaving.view.namespace.as_str()).collect();
    let mut all = Vec::new();
    for namespace in namespaces {
        let api: Api<PodDisruptionBudget> = Api::namespaced(client.clone(), namespace);
        let found = list_all(&api, ListParams::default()).await;
        all.extend(found.map_err(|e| e.of_read(&format!("poddisruptionbudgets of namespace/{namespace}")))?);
    }
    Ok(all)
}

/// Most clusters end at the first read: webhooks that must answer rarely ask about what a drain does.
async fn silent_webhooks(
    client: &Client,
    node: &NodeName,
    leaving: &[Leaving],
) -> Result<Vec<Blocker>, Failed> {
    let requests = Request::of_drain(node, leaving);
    let mut hooks = webhooks(client).await?;
    hooks.retain(|hook| hook.must_answer(&requests));
    let mut silent: BTreeSet<Service> = BTreeSet::new();
    for service in hooks.iter().filter_map(|hook| hook.service.clone()).collect::<BTreeSet<_>>() {
        if !has_endpoint(client, &service).await? && !is_elsewhere(client, &service).await? {
            silent.insert(service);
        }
    }
    if silent.is_empty() {
        return Ok(Vec::new());
    }
    let namespaces = namespaces_of(client, leaving).await?;
    Ok(hooks.iter().filter_map(|hook| hook.in_the_way(&silent, &requests, &namespaces)).collect())
}

async fn webhooks(client: &Client) -> Result<Vec<Hook>, Failed> {
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let validating = list_all(&validating, ListParams::default()).await;
    let validating = validating.map_err(|e| e.of_read("validatingwebhookconfigurations"))?;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let mutating = list_all(&mutating, ListParams::default()).await;
    let mutating = mutating.map_err(|e| e.of_read("mutatingwebhookconfigurations"))?;
    Ok(validating.iter().flat_map(Hook::validating).chain(mutating.iter().flat_map(Hook::mutating)).collect())
}

async fn has_endpoint(client: &Client, service: &Service) -> Result<bool, Failed> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), &service.namespace);
    let of_service = ListParams::default().labels(&format!("{SERVICE_LABEL}={}", service.name));
    let found = list_all(&slices, of_service).await;
    let found = found.map_err(|e| e.of_read(&format!("endpointslices of service/{service}")))?;
    Ok(found.iter().any(webhooks::has_ready_endpoint))
}

/// Whether the Service only names another host: it has no endpoints, and is judged as little as a URL.
async fn is_elsewhere(client: &Client, service: &Service) -> Result<bool, Failed> {
    let services: Api<core::Service> = Api::namespaced(client.clone(), &service.namespace);
    match within(services.get(&service.name)).await {
        Ok(found) => Ok(found.spec.and_then(|spec| spec.type_).as_deref() == Some("ExternalName")),
        Err(e) if e.is_not_found() => Ok(false),
        Err(e) => Err(e.of_read(&format!("service/{service}"))),
    }
}

async fn namespaces_of(client: &Client, leaving: &[Leaving]) -> Result<BTreeMap<String, Labels>, Failed> {
    let api: Api<Namespace> = Api::all(client.clone());
    let mut labels = BTreeMap::new();
    for Leaving { view, .. } in leaving {
        if !labels.contains_key(&view.namespace) {
            let object = format!("namespace/{}", view.namespace);
            let read = within(api.get_metadata(&view.namespace)).await.map_err(|e| e.of_read(&object))?;
            labels.insert(view.namespace.clone(), read.metadata.labels.unwrap_or_default());
        }
    }
    Ok(labels)
}
