//! Faults that can be laid on a running host, and lifted again. Each is the real thing, not a switch in what looks at it.

mod disk;
mod manager;
mod packages;
mod power;
mod services;
mod ssh;

use std::fmt;
use std::str::FromStr;

use crate::host::{Host, HostError};

/// What can be wrong with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// PID 1 is stopped: whatever asks systemd waits, all else goes on. A reboot ends it, if one can be had.
    Pid1Hung,
    /// PID 1 stops once the next `yum` transaction is about to change the host, after resolving and downloading.
    Pid1HangsMidTransaction,
    /// The system bus is gone and is not started again until a reboot.
    DbusDead,
    /// The host has no power.
    PoweredOff,
    /// The host goes down at its next reboot and stays down.
    NeverReturnsFromReboot,
    /// Nothing in the host runs, but its network answers.
    Frozen,
    /// No SSH server listens, after a reboot neither.
    SshdRefusing,
    /// The host shows another key, which the bed's host CA has not signed.
    HostKeyChanged,
    /// A process holds the locks of RPM and yum.
    PackageLockHeld,
    /// The package repository refuses this host's connections. Ends with a reboot.
    RepositoryGone,
    /// Packets of this host to the package repository vanish. Ends with a reboot.
    RepositorySilent,
    /// A `yum` command that changes the host does so and then never ends.
    CommandHangs,
    /// Not one byte more fits the host's disk.
    DiskFull,
    /// The kubelet is stopped, until a reboot.
    KubeletStopped,
    /// The kubelet's process is stopped by a signal: systemd says that it is active. A restart of it, or a reboot, ends it.
    KubeletFrozen,
    /// containerd is stopped, until a reboot. Containers go on.
    ContainerdStopped,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 16] = [
        Self::Pid1Hung,
        Self::Pid1HangsMidTransaction,
        Self::DbusDead,
        Self::PoweredOff,
        Self::NeverReturnsFromReboot,
        Self::Frozen,
        Self::SshdRefusing,
        Self::HostKeyChanged,
        Self::PackageLockHeld,
        Self::RepositoryGone,
        Self::RepositorySilent,
        Self::CommandHangs,
        Self::DiskFull,
        Self::KubeletStopped,
        Self::KubeletFrozen,
        Self::ContainerdStopped,
    ];

    /// The name that commands use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pid1Hung => "pid1-hung",
            Self::Pid1HangsMidTransaction => "pid1-hangs-mid-transaction",
            Self::DbusDead => "dbus-dead",
            Self::PoweredOff => "powered-off",
            Self::NeverReturnsFromReboot => "never-returns-from-reboot",
            Self::Frozen => "frozen",
            Self::SshdRefusing => "sshd-refusing",
            Self::HostKeyChanged => "host-key-changed",
            Self::PackageLockHeld => "package-lock-held",
            Self::RepositoryGone => "repository-gone",
            Self::RepositorySilent => "repository-silent",
            Self::CommandHangs => "command-hangs",
            Self::DiskFull => "disk-full",
            Self::KubeletStopped => "kubelet-stopped",
            Self::KubeletFrozen => "kubelet-frozen",
            Self::ContainerdStopped => "containerd-stopped",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that no fault has.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is no fault; there are: {}", Fault::ALL.map(Fault::name).join(", "))]
pub struct UnknownFault {
    /// The name.
    pub name: String,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == name);
        found.ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

impl Host {
    /// Lays a fault on the host.
    pub fn inject(&self, fault: Fault) -> Result<(), HostError> {
        match fault {
            Fault::Pid1Hung => manager::hang(self),
            Fault::Pid1HangsMidTransaction => manager::hang_in_transaction(self),
            Fault::DbusDead => manager::kill_bus(self),
            Fault::PoweredOff => self.power_off(),
            Fault::NeverReturnsFromReboot => self.set_stays_down(true),
            Fault::Frozen => self.set_frozen(true),
            Fault::SshdRefusing => ssh::stop(self),
            Fault::HostKeyChanged => ssh::change_key(self),
            Fault::PackageLockHeld => packages::hold_lock(self),
            Fault::RepositoryGone => packages::block_repository(self, packages::REFUSE),
            Fault::RepositorySilent => packages::block_repository(self, packages::DROP),
            Fault::CommandHangs => packages::hang_commands(self),
            Fault::DiskFull => disk::fill(self),
            Fault::KubeletStopped => services::stop(self, "kubelet"),
            Fault::KubeletFrozen => services::signal(self, "kubelet", "STOP"),
            Fault::ContainerdStopped => services::stop(self, "containerd"),
        }
    }

    /// Takes a fault away again. What it has done meanwhile stays done.
    pub fn lift(&self, fault: Fault) -> Result<(), HostError> {
        match fault {
            Fault::Pid1Hung => manager::resume(self),
            Fault::Pid1HangsMidTransaction => manager::disarm(self),
            Fault::DbusDead => manager::start_bus(self),
            Fault::PoweredOff => self.power_on(),
            Fault::NeverReturnsFromReboot => power::let_return(self),
            Fault::Frozen => self.set_frozen(false),
            Fault::SshdRefusing => ssh::start(self),
            Fault::HostKeyChanged => ssh::restore_key(self),
            Fault::PackageLockHeld => packages::release_lock(self),
            Fault::RepositoryGone | Fault::RepositorySilent => packages::unblock_repository(self),
            Fault::CommandHangs => packages::let_commands_end(self),
            Fault::DiskFull => disk::restore(self),
            Fault::KubeletStopped => services::start(self, "kubelet"),
            Fault::KubeletFrozen => services::signal(self, "kubelet", "CONT"),
            Fault::ContainerdStopped => services::start(self, "containerd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_faults() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
        let error = "pid-1".parse::<Fault>().unwrap_err().to_string();
        assert!(error.contains("pid1-hung"), "{error}");
    }
}
