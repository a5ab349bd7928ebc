//! How the controller reaches the machines of a pool: a union, because SSH will not stay the only way.

#![expect(unreachable_pub, reason = "KubeSchema copies structs with rules into a function")]

use kube::KubeSchema;
use nodemend_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a pool's machines are reached, for looking and for repairing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolAccess {
    /// How hosts are read. Exactly one member.
    pub observe: Access,
    /// How hosts are repaired. Exactly one member; `none` observes only.
    pub repair: Access,
}

/// One way to reach a host; exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Over SSH.
    Ssh(SshAccess),
    /// Not at all.
    #[serde(rename = "none")]
    Nothing {},
}

/// Access over SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SshAccess {
    /// The login.
    #[schemars(length(min = 1, max = 64))]
    pub user: String,
    /// The port.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Whether the login needs `sudo` (without a password) to become root.
    #[serde(default = "default_sudo")]
    pub sudo: bool,
    /// Which of the node's addresses is used.
    #[serde(default)]
    pub address_type: AddressType,
    /// The Secret with the key `ssh-privatekey` and, if the host wants a user certificate,
    /// `ssh-privatekey-cert.pub`. It has to be in the controller's own namespace.
    pub credentials_secret: ObjectKey,
    /// Which host keys are believed. Unknown keys are refused.
    pub host_keys: HostKeys,
    /// How long connecting may take.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Span,
}

/// A namespaced object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectKey {
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Types of node addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum AddressType {
    /// Reachable within the cluster's network.
    #[default]
    #[serde(rename = "InternalIP")]
    InternalIp,
    /// Reachable from outside.
    #[serde(rename = "ExternalIP")]
    ExternalIp,
    /// The host's name, resolved by the controller.
    Hostname,
}

/// Whose host keys are believed. The parts add up; at least one must be given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "(has(self.authorities) && size(self.authorities) > 0) || (has(self.knownHosts) && size(self.knownHosts) > 0) || has(self.configMap)"
).message("give at least one of authorities, knownHosts and configMap: unknown host keys are refused"))]
pub struct HostKeys {
    /// Public keys of the certificate authorities that sign host keys, each as in an `authorized_keys` file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 4096)))]
    pub authorities: Vec<String>,
    /// Lines of a `known_hosts` file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 4096)))]
    pub known_hosts: Vec<String>,
    /// A ConfigMap in the controller's own namespace with the keys `authorities` and `known_hosts`, one entry a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ObjectKey>,
}

const fn default_port() -> u16 {
    22
}

const fn default_sudo() -> bool {
    true
}

const fn default_connect_timeout() -> Span {
    Span::seconds(10)
}
