//! What a bed is to be.

use std::path::PathBuf;
use std::time::Duration;

use crate::gomodule::KubernetesRelease;
use crate::host::HostSpec;

/// What a bed is to be.
#[derive(Debug, Clone)]
pub struct BedConfig {
    /// Its name: 1 to 20 lower-case letters and digits. Two beds of one name cannot run at once.
    pub name: String,
    /// Its hosts. They are started all at once, and those with a kubelet are Ready when the start returns.
    pub hosts: Vec<HostSpec>,
    /// The version of Kubernetes.
    pub release: KubernetesRelease,
    /// After how long without a sign of life a node is `Unknown`. Kubernetes' own default was 40 s until 1.32, and that
    /// is the default here; whole seconds.
    pub node_monitor_grace_period: Duration,
    /// Archives of further images that the hosts are to have, beside those of the bed's own workloads.
    pub images: Vec<PathBuf>,
}

impl Default for BedConfig {
    fn default() -> Self {
        Self {
            name: "bed".to_owned(),
            hosts: Vec::new(),
            release: KubernetesRelease::default(),
            node_monitor_grace_period: Duration::from_secs(40),
            images: Vec::new(),
        }
    }
}
