//! What is done to nodes and pods through the Kubernetes API.

mod budgets;
mod client;
mod drain;
mod evict;
mod lease;
mod leave;
mod lift;
mod node;
mod patience;
mod pods;
mod preflight;
mod round;

use kube::Client;

pub use client::client;
pub use lift::lift;
pub use preflight::preflight;

use crate::limits::{Limits, Pace};

/// Writes to nodes and pods, smoothed.
pub(crate) struct Cluster {
    client: Client,
    writes: Pace,
    evictions: Pace,
    evictions_at_once: usize,
    looks: lease::Looks,
    patience: patience::Patience,
    daemon_sets: pods::DaemonSets,
}

impl Cluster {
    pub(crate) fn new(client: Client, limits: Limits) -> Self {
        Self {
            client,
            writes: Pace::per_second(limits.writes_per_second),
            evictions: Pace::per_second(limits.evictions_per_second),
            evictions_at_once: limits.evictions_at_once.get(),
            looks: lease::Looks::default(),
            patience: patience::Patience::default(),
            daemon_sets: pods::DaemonSets::default(),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("evictions_at_once", &self.evictions_at_once).finish_non_exhaustive()
    }
}
