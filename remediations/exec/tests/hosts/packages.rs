//! What stands in the way of a package is found before anything is disturbed.

use std::time::Duration;

use nodemend_bed::fault::Fault;
use nodemend_bed::image::OLD_SYSTEMD;
use nodemend_core::op::{HostJob, JobState, OpResult, Probe};
use nodemend_core::op::{Launch, Op};

use crate::reboot::{SOON, succeeds};
use crate::rig::{EPOCH, Rig, failure, install, prepare, to};

pub(crate) fn prepare_finds_what_is_in_the_way(rig: &Rig<'_>) {
    each_obstacle_has_its_reason(rig);
    a_full_disk_starts_nothing(rig);
    succeeds(&rig.run("prepare-free", prepare(), SOON));
    nothing_has_changed(rig);
    a_job_goes_on_without_its_connection_and_is_fenced(rig);
}

fn each_obstacle_has_its_reason(rig: &Rig<'_>) {
    for (fault, reason) in [
        (Fault::PackageLockHeld, "PackageLocked"),
        (Fault::RepositoryGone, "RepositoryUnavailable"),
        (Fault::RepositorySilent, "RepositoryUnavailable"),
    ] {
        rig.host.inject(fault).unwrap();
        let exit = rig.run(&format!("prepare-{fault}"), prepare(), Duration::from_mins(2));
        assert_eq!(exit.report.get("reason").map(String::as_str), Some(reason), "{fault}: {exit:?}");
        rig.host.lift(fault).unwrap();
    }
    let exit = rig.run("prepare-unknown", HostJob::PackagePrepare(to("219-99.el7")), SOON);
    assert_eq!(exit.report["reason"], "NoSuchVersion", "{exit:?}");
    let exit = rig.run("prepare-done", HostJob::PackagePrepare(to(OLD_SYSTEMD)), SOON);
    assert_eq!(exit.report["already"], "true", "{exit:?}");
}

fn a_full_disk_starts_nothing(rig: &Rig<'_>) {
    rig.host.inject(Fault::DiskFull).unwrap();
    let why = failure(rig.launch("prepare-full", prepare()));
    assert_eq!((why.reason.as_str(), why.retryable), ("StateUnwritable", true), "{why:?}");
    assert!(why.message.contains("disk full"), "{why:?}");
    rig.host.lift(Fault::DiskFull).unwrap();
    assert_eq!(rig.probe("prepare-full"), OpResult::Job(JobState::NotStarted { voided: false }));
}

fn nothing_has_changed(rig: &Rig<'_>) {
    let installed = rig.host.installed_systemd().unwrap();
    assert_eq!(installed, OLD_SYSTEMD);
}

fn a_job_goes_on_without_its_connection_and_is_fenced(rig: &Rig<'_>) {
    rig.host.inject(Fault::CommandHangs).unwrap();
    assert_eq!(rig.launch("install-1", install()), OpResult::Launched);
    assert_eq!(rig.launch("install-1", install()), OpResult::Launched, "it runs already");
    assert!(matches!(rig.probe("install-1"), OpResult::Job(JobState::Running { .. })));
    rig.fence(EPOCH + 1).unwrap();
    assert_eq!(failure(rig.launch("install-2", install())).reason, "Fenced");
    let probe = Probe { intent: "install-1".into(), epoch: EPOCH + 1, void_unstarted: true };
    assert!(matches!(rig.perform(Op::Probe(probe)), OpResult::Job(JobState::Running { .. })));
    let late = Launch { intent: "install-1".into(), epoch: EPOCH + 1, job: install() };
    assert_eq!(rig.perform(Op::Launch(late)), OpResult::Launched);
    rig.host.lift(Fault::CommandHangs).unwrap();
}
