//! Which admission webhooks the API server would have to ask about a drain and could not.
//!
//! A webhook is matched as the API server matches it, as far as that can be told by reading. What cannot be told (its
//! CEL conditions, the labels of the node) counts as matching. A webhook with a URL is not judged: nobody can tell from
//! here whether the API server reaches it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use nodemend_core::blocker::Blocker;
use nodemend_core::selector::Labels;

use super::requests::Request;

/// A Service that webhooks are asked through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A webhook of either kind.
pub(super) struct Hook {
    /// Its configuration, such as `validatingwebhookconfiguration/guard`.
    object: String,
    name: String,
    may_be_silent: bool,
    rules: Vec<RuleWithOperations>,
    pub(super) service: Option<Service>,
    namespaces: Option<LabelSelector>,
    objects: Option<LabelSelector>,
}

impl Hook {
    pub(super) fn validating(all: &ValidatingWebhookConfiguration) -> Vec<Self> {
        let name = all.metadata.name.as_deref().unwrap_or_default();
        let object = format!("validatingwebhookconfiguration/{name}");
        all.webhooks.iter().flatten().map(|hook| Self::new(&object, hook.clone())).collect()
    }

    pub(super) fn mutating(all: &MutatingWebhookConfiguration) -> Vec<Self> {
        let name = all.metadata.name.as_deref().unwrap_or_default();
        let object = format!("mutatingwebhookconfiguration/{name}");
        all.webhooks.iter().flatten().map(|hook| Self::new(&object, as_validating(hook))).collect()
    }

    fn new(object: &str, hook: ValidatingWebhook) -> Self {
        Self {
            object: object.to_owned(),
            name: hook.name,
            may_be_silent: hook.failure_policy.as_deref() == Some("Ignore"),
            rules: hook.rules.unwrap_or_default(),
            service: hook.client_config.service.as_ref().map(Service::from),
            namespaces: hook.namespace_selector,
            objects: hook.object_selector,
        }
    }

    /// Whether the drain depends on an answer of the webhook's Service, going by its rules alone.
    pub(super) fn must_answer(&self, requests: &[Request]) -> bool {
        let ruled = |request: &Request| self.rules.iter().any(|rule| request.is_ruled_by(rule));
        !self.may_be_silent && self.service.is_some() && requests.iter().any(ruled)
    }

    /// The blocker, if its Service is silent and its selectors take in a request. Namespaces that are missing from
    /// `namespaces` count as taken in.
    pub(super) fn in_the_way(
        &self,
        silent: &BTreeSet<Service>,
        requests: &[Request],
        namespaces: &BTreeMap<String, Labels>,
    ) -> Option<Blocker> {
        let service = self.service.as_ref().filter(|service| silent.contains(service))?;
        let request = requests.iter().find(|request| {
            let ruled = self.rules.iter().any(|rule| request.is_ruled_by(rule));
            let labels = request.namespace.as_ref().and_then(|name| namespaces.get(name));
            ruled
                && takes_in(self.namespaces.as_ref(), labels)
                && takes_in(self.objects.as_ref(), request.labels.as_ref())
        })?;
        let next = format!(
            "webhook {} has to admit the {}, but service {service} has no ready endpoint: bring it back, or take the \
             webhook away",
            self.name, request.text
        );
        Some(Blocker::new("WebhookWithoutEndpoints", self.object.clone(), next))
    }
}

/// Both kinds are asked alike, as far as it matters here.
fn as_validating(hook: &MutatingWebhook) -> ValidatingWebhook {
    ValidatingWebhook {
        name: hook.name.clone(),
        failure_policy: hook.failure_policy.clone(),
        rules: hook.rules.clone(),
        client_config: hook.client_config.clone(),
        namespace_selector: hook.namespace_selector.clone(),
        object_selector: hook.object_selector.clone(),
        ..ValidatingWebhook::default()
    }
}

/// Labels that are not known count as taken in, and so does everything if the selector cannot be read.
fn takes_in(selector: Option<&LabelSelector>, labels: Option<&Labels>) -> bool {
    let (Some(selector), Some(labels)) = (selector, labels) else { return true };
    Selector::try_from(selector.clone()).map_or(true, |selector| selector.matches(labels))
}

/// An endpoint whose readiness is not said is ready (discovery/v1).
pub(super) fn has_ready_endpoint(slice: &EndpointSlice) -> bool {
    let ready = |conditions: Option<bool>| conditions != Some(false);
    slice.endpoints.iter().any(|endpoint| {
        !endpoint.addresses.is_empty() && ready(endpoint.conditions.as_ref().and_then(|c| c.ready))
    })
}

impl From<&ServiceReference> for Service {
    fn from(reference: &ServiceReference) -> Self {
        Self { namespace: reference.namespace.clone(), name: reference.name.clone() }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
#[path = "webhooks_tests.rs"]
mod tests;
