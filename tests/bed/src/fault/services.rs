//! Services of a node that are stopped, or whose process is.

use crate::host::{Host, HostError};

pub(super) fn stop(host: &Host, service: &str) -> Result<(), HostError> {
    host.run_checked(&format!("systemctl stop {service}.service")).map(drop)
}

pub(super) fn start(host: &Host, service: &str) -> Result<(), HostError> {
    host.run_checked(&format!("systemctl start {service}.service")).map(drop)
}

/// Sends a signal to the service's main process.
pub(super) fn signal(host: &Host, service: &str, signal: &str) -> Result<(), HostError> {
    host.run_checked(&format!("systemctl kill --kill-who=main --signal={signal} {service}.service")).map(drop)
}
