//! The checks, one file each.

mod systemd_dbus;
mod systemd_running_stale;
mod systemd_version;

use crate::check::Check;

pub use systemd_dbus::SystemdDbus;
pub use systemd_running_stale::SystemdRunningStale;
pub use systemd_version::SystemdVersion;

/// Every check there is.
pub const ALL: [&dyn Check; 3] = [&SystemdVersion, &SystemdDbus, &SystemdRunningStale];
