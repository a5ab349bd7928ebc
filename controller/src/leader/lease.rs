//! The Lease as it is stored. Written by PUT on the version that was read, never by a patch or an apply, which take it from
//! whoever holds it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};

use super::elector::Found;
use super::identity::Process;

/// Which process the holder is, for candidates on the same machine.
const PROCESS: &str = "nodemend.dev/process";

/// A request about the Lease that came to no good end.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// Somebody wrote in between.
    #[error("it was changed in between")]
    Conflict,
    /// The API server refused, or there was no answer.
    #[error(transparent)]
    Request(Box<kube::Error>),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

/// One Lease, as it was read last.
#[derive(Debug)]
pub(super) struct LeaseStore {
    api: Api<Lease>,
    name: String,
    namespace: String,
    /// How long one request may take.
    deadline: Duration,
    last: Option<Lease>,
}

impl LeaseStore {
    pub(super) fn new(client: Client, namespace: &str, name: &str, deadline: Duration) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            deadline,
            last: None,
        }
    }

    /// Reads it.
    pub(super) async fn read(&mut self) -> Result<Option<Found>, LeaseError> {
        self.last = self.within(self.api.get_opt(&self.name)).await?;
        Ok(self.last.as_ref().map(found))
    }

    /// Writes `holder` into it, for so long, on the version that was read last; none gives it back.
    pub(super) async fn write(&mut self, holder: Option<&str>, length: Duration) -> Result<(), LeaseError> {
        // Whatever becomes of it: what was read is old then.
        let before = self.last.take();
        let lease = self.written(before.clone().unwrap_or_default(), holder, length);
        let params = PostParams::default();
        let stored = match before {
            Some(_) => self.within(self.api.replace(&self.name, &params, &lease)).await?,
            None => self.within(self.api.create(&params, &lease)).await?,
        };
        self.last = Some(stored);
        Ok(())
    }

    /// The Lease as it was written or read last.
    pub(super) fn last(&self) -> Option<Found> {
        self.last.as_ref().map(found)
    }

    /// What messages call it.
    pub(super) fn object(&self) -> String {
        format!("lease/{}/{}", self.namespace, self.name)
    }

    fn written(&self, mut lease: Lease, holder: Option<&str>, length: Duration) -> Lease {
        let spec = lease.spec.take().unwrap_or_default();
        let now = MicroTime(jiff::Timestamp::now());
        let same = spec.holder_identity.as_deref() == holder;
        let transitions = spec.lease_transitions.unwrap_or(0);
        let taken = i32::from(!same && holder.is_some() && lease.metadata.uid.is_some());
        self.name_and_process(&mut lease.metadata, holder.is_some());
        lease.spec = Some(LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: Some(seconds(length)),
            acquire_time: spec.acquire_time.filter(|_| same).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions.saturating_add(taken)),
            ..spec
        });
        lease
    }

    fn name_and_process(&self, meta: &mut ObjectMeta, is_held: bool) {
        meta.name = Some(self.name.clone());
        meta.namespace = Some(self.namespace.clone());
        meta.managed_fields = None;
        let annotations = meta.annotations.get_or_insert_default();
        match Process::own().filter(|_| is_held) {
            Some(process) => annotations.insert(PROCESS.to_owned(), process.text()),
            None => annotations.remove(PROCESS),
        };
    }

    async fn within<T>(
        &self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, LeaseError> {
        match tokio::time::timeout(self.deadline, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(LeaseError::Conflict),
            Ok(Err(error)) => Err(LeaseError::Request(Box::new(error))),
            Err(_) => Err(LeaseError::Late(self.deadline)),
        }
    }
}

fn found(lease: &Lease) -> Found {
    let spec = lease.spec.clone().unwrap_or_default();
    let length = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let process = lease.metadata.annotations.as_ref().and_then(|all| all.get(PROCESS));
    Found {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        duration: Duration::from_secs(length.unwrap_or(0)),
        holder_ended: process
            .and_then(|text| Process::parse(text))
            .is_some_and(|process| process.has_ended()),
    }
}

/// Whole seconds, as the API counts; never less than what is meant.
fn seconds(length: Duration) -> i32 {
    let whole = length.as_secs() + u64::from(length.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX).max(1)
}
