//! The objects that a person writes: guard, credentials, pools, policies, Holds.

use nodemend_bed::host::POOL_LABEL;
use nodemend_bed::image::NEW_SYSTEMD;
use serde_json::{Value, json};

/// The API version of our kinds.
pub const API_VERSION: &str = "nodemend.dev/v1alpha1";
/// The controller's namespace.
pub const NAMESPACE: &str = "nodemend-system";
/// The Secret with the hosts' login key.
const SECRET: &str = "ssh";
/// How often hosts are read in tests and the demo; the default is ten minutes.
const OBSERVE_INTERVAL: &str = "5s";

/// How hosts are reached.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// The unprivileged user.
    pub user: String,
    /// The private key.
    pub key: String,
    /// The public key of the CA that signs host keys.
    pub host_ca: String,
}

/// What the pool allows.
#[derive(Debug, Clone, Copy)]
pub struct PoolSpec<'a> {
    /// Its name, which is also the value of its nodes' label.
    pub name: &'a str,
    /// How many nodes may be out of service at once.
    pub max_unavailable: u32,
    /// `spec.approval`.
    pub approval: &'a str,
}

impl<'a> PoolSpec<'a> {
    /// A pool that lets one node go at a time and asks nobody.
    pub const fn new(name: &'a str) -> Self {
        Self { name, max_unavailable: 1, approval: "Never" }
    }
}

/// The object without which nothing starts.
pub fn guard() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "RepairGuard", "metadata": {"name": "cluster"}, "spec": {}})
}

/// The Secret that pools name as credentials.
pub fn secret(login: &Login) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": NAMESPACE},
        "stringData": {"ssh-privatekey": login.key},
    })
}

/// A pool of the nodes whose label names it.
pub fn pool(spec: PoolSpec<'_>, login: &Login) -> Value {
    let ssh = json!({"ssh": {
        "user": login.user,
        "credentialsSecret": {"namespace": NAMESPACE, "name": SECRET},
        "hostKeys": {"authorities": [login.host_ca.trim()]},
    }});
    json!({
        "apiVersion": API_VERSION, "kind": "RepairPool", "metadata": {"name": spec.name},
        "spec": {
            "nodeSelector": {"matchLabels": {POOL_LABEL: spec.name}},
            "access": {"observe": ssh, "repair": ssh},
            "budget": {"maxUnavailable": spec.max_unavailable},
            "approval": spec.approval,
            "observeInterval": OBSERVE_INTERVAL,
        },
    })
}

/// A policy of the pool's name that brings systemd of its nodes to the good build. `version` is what it asks of the playbook.
pub fn policy(pool: &str, version: &str) -> Value {
    let findings = ["insp.version.systemd", "node.systemd-dbus", "node.systemd-running-stale"];
    json!({
        "apiVersion": API_VERSION, "kind": "RepairPolicy", "metadata": {"name": pool},
        "spec": {
            "mode": "Enforce",
            "match": {"findings": findings.map(|check| json!({"check": check}))},
            "pools": [pool],
            "playbook": {"name": "upgrade-systemd", "version": version},
            "parameters": {"targetVersion": NEW_SYSTEMD},
            "limits": {"coolDown": "10m"},
        },
    })
}

/// A Hold with a scope such as `{"node": {"name": "web-1"}}`.
pub fn hold(name: &str, scope: &Value) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "Hold", "metadata": {"name": name},
        "spec": {"scope": scope, "heldBy": "tester", "reason": "to see that everything stands still"},
    })
}
