//! Packages that cannot be installed, and a command that does not end.

use std::time::{Duration, Instant};

use nodemend_bed::Bed;
use nodemend_bed::fault::Fault;
use nodemend_bed::host::{Host, HostError};
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD, Repository};

use crate::{BOOT, hangs, inject, upgrade};

/// A failed transaction leaves the host as it was, so one host serves all; the command that hangs has installed, and goes last.
pub(crate) fn packages_that_cannot_be_installed(_: &Bed, host: &Host) {
    a_held_lock_stops_rpm_and_yum(host);
    for (fault, at_least) in [(Fault::RepositoryGone, 0), (Fault::RepositorySilent, 5)] {
        inject(host, fault);
        let started = Instant::now();
        let answer = host.ssh(&upgrade()).unwrap();
        assert!(
            answer.code == Some(1) && answer.stderr.contains("Failed to download metadata"),
            "{answer:?}"
        );
        assert!(started.elapsed() >= Duration::from_secs(at_least), "{fault} was noticed too early");
        host.lift(fault).unwrap();
    }
    inject(host, Fault::DiskFull);
    let answer = host.ssh(&upgrade()).unwrap();
    assert!(answer.code == Some(1) && answer.stderr.contains("No space left on device"), "{answer:?}");
    host.lift(Fault::DiskFull).unwrap();
    assert_eq!(host.installed_systemd().unwrap(), OLD_SYSTEMD);
    inject(host, Fault::CommandHangs);
    let answer = host.ssh_within(Duration::from_secs(10), &upgrade());
    assert!(matches!(answer, Err(HostError::Hangs { .. })), "{answer:?}");
    assert_eq!(host.installed_systemd().unwrap(), NEW_SYSTEMD);
    assert!(host.run_checked("pgrep -x yum").is_ok(), "the command goes on when its client is gone");
    host.lift(Fault::CommandHangs).unwrap();
    host.wait("the end of the command", BOOT, |host| host.run_checked("pgrep -x yum").is_err()).unwrap();
    assert!(host.ssh(&format!("sudo yum -y -q downgrade systemd-{OLD_SYSTEMD}")).unwrap().success());
}

fn a_held_lock_stops_rpm_and_yum(host: &Host) {
    inject(host, Fault::PackageLockHeld);
    assert!(hangs(host, &upgrade()), "yum waits for the lock");
    let erase = host.ssh("sudo rpm -e centos-release").unwrap();
    assert!(erase.stderr.contains("transaction lock"), "{erase:?}");
    assert!(host.ssh("rpm -q systemd").unwrap().success(), "queries need no lock");
    host.lift(Fault::PackageLockHeld).unwrap();
    assert!(host.ssh("sudo yum -q list installed").unwrap().success());
}

/// The fault that all hosts share: the bed's repository itself is gone.
pub(crate) fn the_repository_of_all_hosts_can_be_stopped(bed: &Bed, host: &Host) {
    let repository = Repository::of(bed.hub(), host.base_image());
    repository.stop().unwrap();
    let answer = host.ssh(&upgrade()).unwrap();
    assert!(answer.code == Some(1) && answer.stderr.contains("Failed to download metadata"), "{answer:?}");
    repository.start().unwrap();
    assert!(host.ssh(&upgrade()).unwrap().success());
}
