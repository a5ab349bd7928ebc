//! Services of a node that are stopped.

use crate::host::{Host, HostError};

pub(super) fn stop(host: &Host, service: &str) -> Result<(), HostError> {
    host.run_checked(&format!("systemctl stop {service}.service")).map(drop)
}

pub(super) fn start(host: &Host, service: &str) -> Result<(), HostError> {
    host.run_checked(&format!("systemctl start {service}.service")).map(drop)
}
