//! Our finalizer: an object that stands for work under way stays until the work has come to an end.

use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use nodemend_api::FINALIZER;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

use crate::store::StoreError;

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
    let finalizers = object.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
    patch(client, object, finalizers).await
}

/// Takes our finalizer off.
pub(crate) async fn take_off<K>(client: &Client, object: &K) -> Result<(), StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if !has(object) {
        return Ok(());
    }
    patch(client, object, object.finalizers().iter().filter(|f| *f != FINALIZER).cloned().collect()).await
}

/// The list is replaced as a whole, hence the resourceVersion: another's finalizer must not get lost.
async fn patch<K>(client: &Client, object: &K, finalizers: Vec<String>) -> Result<(), StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let patch = json!({"metadata": {"resourceVersion": object.resource_version(), "finalizers": finalizers}});
    let name = object.name_any();
    match api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(StoreError::of::<K>(&name)(error)),
    }
}
