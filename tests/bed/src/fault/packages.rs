//! Packages that cannot be had, and package commands that do not end.

use crate::host::{Host, HostError};
use crate::image::REPOSITORY_PORT;
use crate::process;

/// Takes RPM's lock and yum's, and holds them until it is killed.
const HOLD_LOCKS: &str = include_str!("files/hold_package_locks.py");
const HOLDER: &str = "/run/bed/hold_package_locks.py";
/// Written by the holder once it has the locks.
const HOLDER_PID: &str = "/run/bed/package-lock.pid";
/// Read by `yum` in the host; it takes part after the packages are installed.
const HANG: &str = include_str!("files/hang_after_transaction.py");
const HANG_PATH: &str = "/usr/lib/python3/dist-packages/dnf-plugins/hang_after_transaction.py";
/// Written by a command that hangs.
const HANG_PID: &str = "/run/bed/hang.pid";

/// The firewall's verdict that shows at once.
pub(super) const REFUSE: &str = "reject with tcp reset";
/// The firewall's verdict that makes a client wait: `yum` gives up after 120 s, with `timeout=5` and `retries=1` after 20 s.
pub(super) const DROP: &str = "drop";

pub(super) fn hold_lock(host: &Host) -> Result<(), HostError> {
    host.install(HOLDER, HOLD_LOCKS)?;
    host.run_checked(&format!("setsid --fork python3 {HOLDER} </dev/null >/dev/null 2>&1"))?;
    host.run_checked(&format!("until [ -s {HOLDER_PID} ]; do sleep 0.02; done")).map(drop)
}

pub(super) fn release_lock(host: &Host) -> Result<(), HostError> {
    host.run_checked(&kill_by_file(HOLDER_PID)).map(drop)
}

/// Blocks the way from this host alone; to stop the repository for all, stop its server.
pub(super) fn block_repository(host: &Host, verdict: &str) -> Result<(), HostError> {
    unblock_repository(host)?;
    let chain = "add chain ip bed_fault out { type filter hook output priority 0; }";
    let rule = format!("add rule ip bed_fault out tcp dport {REPOSITORY_PORT} {verdict}");
    firewall(host, &format!("add table ip bed_fault; {chain}; {rule}"))
}

pub(super) fn unblock_repository(host: &Host) -> Result<(), HostError> {
    // Added first, so that deleting it cannot fail.
    firewall(host, "add table ip bed_fault; delete table ip bed_fault")
}

/// From outside, so that it works in whatever state the host is.
fn firewall(host: &Host, rules: &str) -> Result<(), HostError> {
    process::run(&mut host.network_command("nft", &[rules]))?;
    Ok(())
}

pub(super) fn hang_commands(host: &Host) -> Result<(), HostError> {
    host.install(HANG_PATH, HANG)
}

/// Ends the command that hangs, as a person would who finds it.
pub(super) fn let_commands_end(host: &Host) -> Result<(), HostError> {
    host.run_checked(&format!("rm -f {HANG_PATH}"))?;
    host.run_checked(&kill_by_file(HANG_PID)).map(drop)
}

fn kill_by_file(file: &str) -> String {
    format!("if [ -s {file} ]; then kill \"$(cat {file})\"; rm {file}; fi")
}
