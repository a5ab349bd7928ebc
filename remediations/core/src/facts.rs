//! What is known of a host, read in one connection; every part may be unknown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{BootId, Epoch};
use crate::time::Time;

/// One reading of one host. `None` is "could not be observed", never "not there".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// When the host was read, by the controller's clock.
    pub observed_at: Time,
    /// The fields of `/etc/os-release`, unquoted.
    pub os_release: Option<BTreeMap<String, String>>,
    /// Machine hardware name (`uname -m`).
    pub architecture: Option<String>,
    /// Kernel release (`uname -r`).
    pub kernel: Option<String>,
    /// The kernel's boot id.
    pub boot_id: Option<BootId>,
    /// Seconds since the kernel started.
    pub uptime_seconds: Option<u64>,
    /// The highest epoch of a controller that the host obeys.
    pub epoch: Option<Epoch>,
    /// Installed packages asked for, by name: every installed `[epoch:]version-release`, as the package
    /// database has them. An interrupted transaction leaves two.
    pub packages: Option<BTreeMap<String, Vec<String>>>,
    /// Where `/proc/1/exe` points to, with the kernel's ` (deleted)` when the file was replaced.
    pub pid1_exe: Option<String>,
    /// Whether PID 1 answered a call within its time.
    pub pid1: Option<Pid1>,
    /// The units of kubelet and container runtime by name, as systemd has them; those that do not exist too.
    pub units: Option<BTreeMap<String, UnitState>>,
    /// What the kubelet's own health check on this host said.
    pub kubelet_healthz: Option<Healthz>,
    /// Whether the container runtime answered the simplest call within its time.
    pub runtime: Option<Runtime>,
}

/// A unit as systemd has it, in systemd's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnitState {
    /// `LoadState`: `loaded`, `not-found`, `masked`, …
    pub load: String,
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating`, …
    pub active: String,
    /// `SubState`: `running`, `dead`, `auto-restart`, …
    pub sub: String,
}

/// What `GET /healthz` of a service on the host itself came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Healthz {
    /// It answered with this HTTP status.
    Status(u16),
    /// It took the connection and said nothing within its time: it hangs.
    Silent,
    /// Nobody listens.
    Refused,
}

/// How PID 1 answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Pid1 {
    /// It answered within its time.
    Answers,
    /// No answer within its time: it hangs.
    Silent,
    /// The call was refused at once: the message bus is gone, PID 1 itself may work.
    Refused,
}

/// How the container runtime answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Runtime {
    /// It answered within its time.
    Answers,
    /// No answer within its time: it hangs.
    Silent,
    /// The call was refused, or failed for another reason.
    Refused,
}

impl Facts {
    /// One field of os-release, such as `ID` or `VERSION_ID`.
    pub fn os(&self, field: &str) -> Option<&str> {
        self.os_release.as_ref()?.get(field).map(String::as_str)
    }

    /// The versions of `package` in the package database; `None` when it could not be read.
    pub fn package(&self, package: &str) -> Option<&[String]> {
        Some(self.packages.as_ref()?.get(package).map_or(&[], Vec::as_slice))
    }

    /// Whether the running manager is another file than the installed one; `None` when unknown.
    pub fn pid1_is_stale(&self) -> Option<bool> {
        self.pid1_exe.as_ref().map(|exe| exe.ends_with(" (deleted)"))
    }
}
