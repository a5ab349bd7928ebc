//! A PID 1 that hangs, from the start or in the middle.

use std::time::{Duration, Instant};

use nodemend_bed::Bed;
use nodemend_bed::fault::Fault;
use nodemend_bed::host::{Host, RunningSystemd};
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};

use crate::{BOOT, hangs, inject, upgrade};

/// A scriptlet that asks a hung PID 1 gives up after 90 s; the rest is for the transaction around it.
const HUNG_UPGRADE: Duration = Duration::from_secs(110);
/// What hangs when PID 1 does.
const ASK_PID1: [&str; 3] = [
    "systemctl is-system-running",
    "sudo systemctl reboot",
    "busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Version",
];

fn running(version: &str, deleted: bool) -> RunningSystemd {
    RunningSystemd { version: Some(version.to_owned()), deleted }
}

/// SSH works and nothing that asks systemd does. The upgrade ends well after 90 s and changes nothing that runs; only a
/// reboot without PID 1's help does.
pub(crate) fn a_hung_pid1_outlasts_the_upgrade(_: &Bed, host: &Host) {
    let boot_id = host.boot_id().unwrap();
    inject(host, Fault::Pid1Hung);
    for command in ASK_PID1 {
        assert!(hangs(host, command), "{command}");
    }
    let started = Instant::now();
    let upgrade = host.ssh_within(HUNG_UPGRADE, &upgrade()).unwrap();
    assert!(upgrade.success() && started.elapsed() > Duration::from_mins(1), "{upgrade:?}");
    assert_eq!(host.installed_systemd().unwrap(), NEW_SYSTEMD);
    host.lift(Fault::Pid1Hung).unwrap();
    assert_eq!(host.ssh("systemctl is-system-running").unwrap().stdout, "running\n");
    assert_eq!(host.running_systemd().unwrap(), running(OLD_SYSTEMD, true), "the request was given up");
    inject(host, Fault::Pid1Hung);
    assert_eq!(host.boot_id().unwrap(), boot_id);
    host.ssh("sudo setsid -f sh -c 'sync; reboot -ff' </dev/null >/dev/null 2>&1").ok();
    host.wait_for_reboot(&boot_id, BOOT).unwrap();
    assert_eq!(host.running_systemd().unwrap(), running(NEW_SYSTEMD, false));
    assert_eq!(host.ssh("systemctl is-system-running --wait").unwrap().stdout, "running\n");
}

/// Nothing is wrong while the transaction is prepared; it then meets a PID 1 that hangs.
pub(crate) fn pid1_hangs_between_preparing_and_installing(_: &Bed, host: &Host) {
    inject(host, Fault::Pid1HangsMidTransaction);
    let prepare = upgrade().replace(" upgrade", " --downloadonly upgrade");
    assert!(host.ssh(&prepare).unwrap().success());
    assert!(host.ssh("systemctl is-system-running --wait").unwrap().success());
    let upgrade = host.ssh_within(HUNG_UPGRADE, &upgrade()).unwrap();
    assert!(upgrade.success(), "{upgrade:?}");
    assert!(hangs(host, "systemctl is-system-running"));
    assert_eq!(host.running_systemd().unwrap(), running(OLD_SYSTEMD, true));
    host.lift(Fault::Pid1HangsMidTransaction).unwrap();
    assert!(host.ssh("systemctl is-system-running").unwrap().success());
    let again = format!("sudo yum -y -q downgrade systemd-{OLD_SYSTEMD}");
    assert!(host.ssh(&again).unwrap().success(), "once lifted, a transaction ends by itself");
}
