//! A service manager that does not answer: PID 1 stopped, or the bus dead.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::{Host, HostError};

/// Read by `yum` in the host: tells the watcher that a transaction begins, and waits for PID 1 to be stopped.
const PLUGIN: &str = include_str!("files/transaction_gate.py");
const PLUGIN_PATH: &str = "/usr/lib/python3/dist-packages/dnf-plugins/transaction_gate.py";
/// While it exists, transactions are announced; gone after a reboot, when nobody watches any more.
const GATE: &str = "/run/bed/transaction-gate";
/// Runs outside the host, for only a process outside can stop a PID 1. Arguments: the file that keeps it watching, the
/// host's PID 1.
const WATCH: &str = include_str!("files/watch_transaction.sh");

/// Stops PID 1 from outside: signals from inside its own namespace do not reach it.
pub(super) fn hang(host: &Host) -> Result<(), HostError> {
    signal_pid1(host, Signal::SIGSTOP)
}

pub(super) fn resume(host: &Host) -> Result<(), HostError> {
    signal_pid1(host, Signal::SIGCONT)
}

fn signal_pid1(host: &Host, signal: Signal) -> Result<(), HostError> {
    let pid = host.pid1()?;
    let target = Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX));
    kill(target, signal).map_err(|error| host.file_error(format!("/proc/{pid}"), error.into()))
}

/// Prepares PID 1 to be stopped by the next transaction. Later ones find it stopped already. A reboot ends it unused.
pub(super) fn hang_in_transaction(host: &Host) -> Result<(), HostError> {
    host.install(PLUGIN_PATH, PLUGIN)?;
    host.run_checked(&format!("mkdir -p /run/bed && touch {GATE}"))?;
    let armed = armed(host);
    fs::write(&armed, "").map_err(|source| host.file_error(&armed, source))?;
    host.start_tool(WATCH, &[&armed.display().to_string(), &host.pid1()?.to_string()])
}

pub(super) fn disarm(host: &Host) -> Result<(), HostError> {
    let armed = armed(host);
    match fs::remove_file(&armed) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(host.file_error(armed, error));
        }
        _ => {}
    }
    host.run_checked(&format!("rm -f {PLUGIN_PATH} {GATE}"))?;
    resume(host)
}

fn armed(host: &Host) -> PathBuf {
    host.path("armed")
}

/// Stops the socket first, which would start the bus again, and kills the bus, which Debian's unit does not let systemd stop.
pub(super) fn kill_bus(host: &Host) -> Result<(), HostError> {
    let kill = "systemctl stop dbus.socket && systemctl kill --signal=KILL dbus.service";
    host.run_checked(kill).map(drop)
}

pub(super) fn start_bus(host: &Host) -> Result<(), HostError> {
    host.run_checked("systemctl start dbus.socket dbus.service").map(drop)
}
