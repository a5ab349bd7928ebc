//! Prepare, install and restart, with PID 1 in every state.

use std::time::{Duration, Instant};

use nodemend_bed::fault::Fault;
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use nodemend_core::op::{HostJob, JobExit, RebootJob};
use nodemend_core::time::Span;

use crate::rig::{Rig, install, prepare, to};

/// A package transaction or a restart takes seconds; this machine may be busy.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// A scriptlet that asks a hung PID 1 gives up after 90 s.
const HUNG_INSTALL: Duration = Duration::from_secs(150);

pub(crate) fn reboot() -> HostJob {
    HostJob::Reboot(RebootJob { grace: Span::seconds(60) })
}

pub(crate) fn succeeds(exit: &JobExit) {
    assert_eq!(exit.code, Some(0), "{exit:?}");
}

fn has_restarted(exit: &JobExit) {
    assert_eq!(exit.code, None, "{exit:?}");
    assert_ne!(exit.boot_id_before, exit.boot_id_now);
}

/// What the repair leads to, as the host's facts tell it.
fn is_repaired(rig: &Rig<'_>) {
    let facts = rig.facts().unwrap();
    assert_eq!(facts.get("packages"), Some(format!("systemd\t{NEW_SYSTEMD}").as_str()));
    assert_eq!(facts.get("pid1-exe"), Some("/usr/lib/systemd/systemd"));
    assert_eq!(facts.get("pid1"), Some("answers"), "{facts:?}");
}

pub(crate) fn a_host_with_a_hung_pid1_is_repaired(rig: &Rig<'_>) {
    rig.host.inject(Fault::Pid1Hung).unwrap();
    let facts = rig.facts().unwrap();
    assert_eq!(facts.get("pid1"), Some("silent"), "{facts:?}");
    assert_eq!(facts.get("packages"), Some(format!("systemd\t{OLD_SYSTEMD}").as_str()));
    succeeds(&rig.run("prepare-1", prepare(), SOON));
    let started = Instant::now();
    let installed = rig.run("install-1", install(), HUNG_INSTALL);
    succeeds(&installed);
    assert_eq!(installed.report["installed"], NEW_SYSTEMD);
    assert!(started.elapsed() > SOON, "the scriptlet waited for PID 1");
    assert!(rig.facts().unwrap().get("pid1-exe").unwrap().ends_with(" (deleted)"));
    let restarted = rig.run("reboot-1", reboot(), SOON);
    has_restarted(&restarted);
    assert_eq!(restarted.report["pid1"], "silent");
    assert_eq!(restarted.report["forced"], "true");
    is_repaired(rig);
}

pub(crate) fn a_host_without_a_bus_is_repaired(rig: &Rig<'_>) {
    rig.host.inject(Fault::DbusDead).unwrap();
    assert_eq!(rig.facts().unwrap().get("pid1"), Some("refused"));
    let prepared = rig.run("prepare-1", prepare(), SOON);
    succeeds(&prepared);
    assert_eq!((prepared.report["before"].as_str(), prepared.report["apart"].as_str()), (OLD_SYSTEMD, ""));
    succeeds(&rig.run("install-1", install(), SOON));
    let restarted = rig.run("reboot-1", reboot(), SOON);
    has_restarted(&restarted);
    assert_eq!(restarted.report["orderly"], "true", "PID 1 answers on its own socket");
    assert_eq!(restarted.report.get("forced"), None);
    is_repaired(rig);
    it_is_undone(rig);
}

/// Back to the version before, and restarted; where there is no way back, nothing is changed.
fn it_is_undone(rig: &Rig<'_>) {
    rig.host.inject(Fault::RepositoryGone).unwrap();
    let lost = rig.run("undo-1", HostJob::PackageInstall(to(OLD_SYSTEMD)), SOON);
    assert_eq!((lost.code, lost.report["reason"].as_str()), (Some(1), "RepositoryUnavailable"), "{lost:?}");
    rig.host.lift(Fault::RepositoryGone).unwrap();
    let unknown = rig.run("undo-2", HostJob::PackageInstall(to("219-61.el7")), SOON);
    assert_eq!((unknown.code, unknown.report["reason"].as_str()), (Some(1), "NoSuchVersion"), "{unknown:?}");
    is_repaired(rig);
    let back = rig.run("undo-3", HostJob::PackageInstall(to(OLD_SYSTEMD)), SOON);
    succeeds(&back);
    assert_eq!(back.report["installed"], OLD_SYSTEMD);
    has_restarted(&rig.run("reboot-2", reboot(), SOON));
    let facts = rig.facts().unwrap();
    assert_eq!(facts.get("packages"), Some(format!("systemd\t{OLD_SYSTEMD}").as_str()));
    assert_eq!(facts.get("pid1-exe"), Some("/usr/lib/systemd/systemd"));
}

pub(crate) fn a_pid1_may_hang_in_the_transaction(rig: &Rig<'_>) {
    rig.host.inject(Fault::Pid1HangsMidTransaction).unwrap();
    let prepared = rig.run("prepare-1", prepare(), SOON);
    succeeds(&prepared);
    assert_eq!(prepared.report["transaction"].trim(), format!("Upgrading systemd {NEW_SYSTEMD}"));
    succeeds(&rig.run("install-1", install(), HUNG_INSTALL));
    has_restarted(&rig.run("reboot-1", reboot(), SOON));
    is_repaired(rig);
}

/// A unit that never stops: the machine would be down, and not up again, for ever.
const NEVER_STOPS: &str = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n\
    ExecStop=/bin/sleep infinity\\nTimeoutStopSec=infinity\\n";

pub(crate) fn a_shutdown_that_hangs_is_cut_short(rig: &Rig<'_>) {
    rig.host.run_checked("systemctl mask --runtime reboot.target").unwrap();
    let refused = rig.run("reboot-1", reboot(), SOON);
    assert_eq!((refused.code, refused.report["reason"].as_str()), (Some(1), "RebootRefused"), "{refused:?}");
    assert_eq!(refused.boot_id_before, refused.boot_id_now);
    rig.host.run_checked("systemctl unmask --runtime reboot.target").unwrap();
    let unit = format!("printf '{NEVER_STOPS}' >/run/systemd/system/stuck.service && systemctl start stuck");
    rig.host.run_checked(&unit).unwrap();
    let grace = RebootJob { grace: Span::seconds(8) };
    let restarted = rig.run("reboot-2", HostJob::Reboot(grace), SOON);
    has_restarted(&restarted);
    assert_eq!((restarted.report["orderly"].as_str(), restarted.report["forced"].as_str()), ("true", "true"));
}
