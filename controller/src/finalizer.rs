//! Our finalizer: an object that stands for work under way stays until the work has come to an end.
//!
//! A Remediation that has ended is marked as such in the same write, so that the thousands that a fleet gathers need not
//! be listed to find those under way. One without the mark counts as under way.

use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use nodemend_api::FINALIZER;
use nodemend_api::remediation::Remediation;
use nodemend_core::saga::Outcome;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

use crate::store::StoreError;

/// The label of a Remediation whose last journal is written and whose finalizer is off; its value is how it ended.
pub(crate) const FINISHED_LABEL: &str = "nodemend.dev/finished";

/// Selects the Remediations that grants are decided on: those under way, and those that failed, which count against the
/// limits of their run.
pub(crate) fn not_ended_well() -> String {
    let well = [Outcome::Repaired, Outcome::Cleared, Outcome::Replaced, Outcome::Skipped];
    let well: Vec<_> = well.map(|outcome| format!("{outcome:?}")).into();
    format!("{FINISHED_LABEL} notin ({})", well.join(","))
}

/// Whether the object carries our finalizer.
pub(crate) fn has<K: Resource>(object: &K) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Puts our finalizer on, unless the object is going already.
pub(crate) async fn put_on<K>(client: &Client, object: &K) -> Result<(), StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if has(object) || object.meta().deletion_timestamp.is_some() {
        return Ok(());
    }
    let finalizers: Vec<_> = object.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
    patch(client, object, json!({"finalizers": finalizers})).await
}

/// Takes our finalizer off.
pub(crate) async fn take_off<K>(client: &Client, object: &K) -> Result<(), StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if !has(object) {
        return Ok(());
    }
    patch(client, object, json!({"finalizers": others(object)})).await
}

/// The same for a Remediation that is over, which is marked.
pub(crate) async fn take_off_finished(client: &Client, object: &Remediation) -> Result<(), StoreError> {
    if !has(object) {
        return Ok(());
    }
    let outcome = object.status.as_ref().and_then(|status| status.journal.outcome);
    let labels =
        json!({FINISHED_LABEL: outcome.map_or("Unknown".to_owned(), |outcome| format!("{outcome:?}"))});
    patch(client, object, json!({"finalizers": others(object), "labels": labels})).await
}

fn others<K: Resource>(object: &K) -> Vec<&String> {
    object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).collect()
}

/// The list is replaced as a whole, hence the resourceVersion: another's finalizer must not get lost.
async fn patch<K>(client: &Client, object: &K, mut metadata: Value) -> Result<(), StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::all(client.clone());
    metadata["resourceVersion"] = json!(object.resource_version());
    let patch = json!({"metadata": metadata});
    let name = object.name_any();
    match api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(StoreError::of::<K>(&name)(error)),
    }
}
