//! The checks, one file each.

mod kubelet_healthz;
mod kubelet_process;
mod runtime_process;
mod systemd_dbus;
mod systemd_running_stale;
mod systemd_version;
mod unit;

use crate::check::Check;

pub use kubelet_healthz::KubeletHealthz;
pub use kubelet_process::KubeletProcess;
pub use runtime_process::RuntimeProcess;
pub use systemd_dbus::SystemdDbus;
pub use systemd_running_stale::SystemdRunningStale;
pub use systemd_version::SystemdVersion;

/// Every check there is.
pub const ALL: [&dyn Check; 6] =
    [&SystemdVersion, &SystemdDbus, &SystemdRunningStale, &KubeletProcess, &KubeletHealthz, &RuntimeProcess];
