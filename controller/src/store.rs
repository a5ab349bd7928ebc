//! Writes to our own kinds: whole statuses with the resourceVersion that was read, so that nobody is overwritten.

use kube::api::PostParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A write that did not happen, or may not have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Somebody else wrote in between: read again and decide again.
    #[error("{kind}/{name} was changed in between")]
    Conflict {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
    },
    /// Any other refusal, or no answer.
    #[error("{kind}/{name}: {source}")]
    Request {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// What the API server, or the way to it, said.
        #[source]
        source: Box<kube::Error>,
    },
}

impl StoreError {
    /// The error of a request about one object.
    pub(crate) fn of<K: Resource<DynamicType = ()>>(name: &str) -> impl FnOnce(kube::Error) -> Self {
        let (kind, name) = (K::kind(&()).to_lowercase(), name.to_owned());
        move |source| match source {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict { kind, name },
            source => Self::Request { kind, name, source: Box::new(source) },
        }
    }
}

/// Reads an object, lets `change` change its status, and writes the status if there is something to write.
/// An object that is gone is left alone.
pub(crate) async fn update_status<K>(
    client: &Client,
    name: &str,
    change: impl FnOnce(&mut K) -> bool,
) -> Result<(), StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let Some(mut object) = api.get_opt(name).await.map_err(StoreError::of::<K>(name))? else {
        return Ok(());
    };
    if change(&mut object) {
        put_status(client, &object).await?;
    }
    Ok(())
}

/// Writes the status of an object that was read before.
pub(crate) async fn put_status<K>(client: &Client, object: &K) -> Result<K, StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let name = object.name_any();
    api.replace_status(&name, &PostParams::default(), object).await.map_err(StoreError::of::<K>(&name))
}

/// Creates an object; `None` if there is one under this name already.
pub(crate) async fn create<K>(client: &Client, object: &K) -> Result<Option<K>, StoreError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let name = object.name_any();
    match api.create(&PostParams::default(), object).await {
        Ok(created) => Ok(Some(created)),
        Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => Ok(None),
        Err(error) => Err(StoreError::of::<K>(&name)(error)),
    }
}
