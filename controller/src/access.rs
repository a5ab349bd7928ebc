//! From a pool's access settings to the way to one host: address, credentials, trusted host keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Secret as KubeSecret};
use kube::{Api, Client, ResourceExt};
use nodemend_api::access::{Access, AddressType, ObjectKey, SshAccess as Wanted};
use nodemend_api::pool::RepairPool;
use nodemend_core::ids::{NodeName, NodeUid};
use nodemend_exec::{HostKeys, Secret, SshAccess, SshTimeouts, Still, Target};
use tokio::sync::Mutex;

/// Key of the private key in a Secret of type `kubernetes.io/ssh-auth`.
const PRIVATE_KEY: &str = "ssh-privatekey";
/// Key of the user certificate beside it.
const CERTIFICATE: &str = "ssh-privatekey-cert.pub";
/// How long credentials are remembered: a replaced Secret counts after this.
const REMEMBERED: Duration = Duration::from_secs(30);
/// How long PID 1 may take to answer (catalogue, `node.systemd-dbus`).
const PID1_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a host cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// The pool says that it may not be.
    #[error("repairpool/{0}: spec.access is none here")]
    NotAllowed(String),
    /// The node has no address of the wanted type.
    #[error(
        "node/{node} has no address of type {wanted}; set spec.access.…ssh.addressType to one that it has"
    )]
    NoAddress {
        /// The node.
        node: NodeName,
        /// The type.
        wanted: &'static str,
    },
    /// An object that is named cannot be read.
    #[error("{kind} {namespace}/{name}: {problem}")]
    Unreadable {
        /// `secret` or `configmap`.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A host key that cannot be understood.
    #[error("repairpool/{pool}: spec.access.…ssh.hostKeys: {source}")]
    HostKeys {
        /// The pool.
        pool: String,
        /// What is wrong with it.
        source: nodemend_exec::HostKeysError,
    },
}

/// What the way into a pool was made from, and when.
struct Remembered {
    wanted: Wanted,
    at: Instant,
    ssh: Arc<SshAccess>,
}

/// Finds the way to hosts; remembers credentials for a short while.
pub(crate) struct AccessResolver {
    client: Client,
    remembered: Mutex<HashMap<String, Remembered>>,
}

impl AccessResolver {
    /// A resolver that reads secrets and config maps through `client`.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, remembered: Mutex::default() }
    }

    /// The way to one node's host by `access`, one of the pool's two.
    pub(crate) async fn target(
        &self,
        pool: &RepairPool,
        access: &Access,
        node: (&NodeName, &NodeUid),
        addresses: &BTreeMap<String, String>,
    ) -> Result<Target, AccessError> {
        let Access::Ssh(wanted) = access else {
            return Err(AccessError::NotAllowed(pool.name_any()));
        };
        let kind = address_type(wanted.address_type);
        let no_address = || AccessError::NoAddress { node: node.0.clone(), wanted: kind };
        Ok(Target {
            node: node.0.clone(),
            node_uid: node.1.clone(),
            address: addresses.get(kind).cloned().ok_or_else(no_address)?,
            ssh: self.ssh(&pool.name_any(), wanted).await?,
            pid1_timeout: PID1_TIMEOUT,
            still: Still::default(),
        })
    }

    async fn ssh(&self, pool: &str, wanted: &Wanted) -> Result<Arc<SshAccess>, AccessError> {
        let mut remembered = self.remembered.lock().await;
        if let Some(known) = remembered.get(pool)
            && known.wanted == *wanted
            && known.at.elapsed() < REMEMBERED
        {
            return Ok(known.ssh.clone());
        }
        let ssh = Arc::new(self.read(pool, wanted).await?);
        let entry = Remembered { wanted: wanted.clone(), at: Instant::now(), ssh: ssh.clone() };
        remembered.insert(pool.to_owned(), entry);
        Ok(ssh)
    }

    async fn read(&self, pool: &str, wanted: &Wanted) -> Result<SshAccess, AccessError> {
        let secret = self.secret(&wanted.credentials_secret).await?;
        let key = secret.get(PRIVATE_KEY).cloned().ok_or_else(|| {
            let problem = format!("has no key {PRIVATE_KEY}; create it with --type kubernetes.io/ssh-auth");
            unreadable("secret", &wanted.credentials_secret, problem)
        })?;
        let mut access = SshAccess::new(&wanted.user, Secret(key), self.host_keys(pool, wanted).await?);
        access.port = wanted.port;
        access.sudo = wanted.sudo && wanted.user != "root";
        access.certificate = secret.get(CERTIFICATE).cloned();
        access.timeouts =
            SshTimeouts { connect: wanted.connect_timeout.as_duration(), ..SshTimeouts::default() };
        Ok(access)
    }

    async fn host_keys(&self, pool: &str, wanted: &Wanted) -> Result<HostKeys, AccessError> {
        let mut authorities = wanted.host_keys.authorities.clone();
        let mut known_hosts = wanted.host_keys.known_hosts.clone();
        if let Some(key) = &wanted.host_keys.config_map {
            let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &key.namespace);
            let map = api.get(&key.name).await.map_err(|e| unreadable("configmap", key, e.to_string()))?;
            let lines = |name: &str| {
                let text = map.data.as_ref().and_then(|data| data.get(name)).cloned().unwrap_or_default();
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            };
            authorities.extend(lines("authorities"));
            known_hosts.extend(lines("known_hosts"));
        }
        HostKeys::new(&authorities, &known_hosts)
            .map_err(|source| AccessError::HostKeys { pool: pool.to_owned(), source })
    }

    async fn secret(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>, AccessError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client.clone(), &key.namespace);
        let secret = api.get(&key.name).await.map_err(|e| unreadable("secret", key, e.to_string()))?;
        let data = secret.data.unwrap_or_default();
        Ok(data
            .into_iter()
            .filter_map(|(name, value)| Some((name, String::from_utf8(value.0).ok()?)))
            .collect())
    }
}

fn unreadable(kind: &'static str, key: &ObjectKey, problem: String) -> AccessError {
    AccessError::Unreadable { kind, namespace: key.namespace.clone(), name: key.name.clone(), problem }
}

const fn address_type(wanted: AddressType) -> &'static str {
    match wanted {
        AddressType::InternalIp => "InternalIP",
        AddressType::ExternalIp => "ExternalIP",
        AddressType::Hostname => "Hostname",
    }
}
