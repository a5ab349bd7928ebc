//! Hosts that cannot be logged in to.

use nodemend_bed::Bed;
use nodemend_bed::fault::Fault;
use nodemend_bed::host::{Host, HostError};

use crate::{BOOT, inject};

fn refusal(host: &Host) -> String {
    match host.ssh("true") {
        Err(HostError::Ssh { message, .. }) => message,
        other => panic!("SSH should have failed: {other:?}"),
    }
}

pub(crate) fn hosts_that_cannot_be_reached(_: &Bed, host: &Host) {
    inject(host, Fault::SshdRefusing);
    assert!(refusal(host).contains("Connection refused"));
    host.lift(Fault::SshdRefusing).unwrap();
    host.wait_for_ssh(BOOT).unwrap();

    inject(host, Fault::HostKeyChanged);
    host.wait("another key", BOOT, |host| refusal(host).contains("Host key verification failed")).unwrap();
    host.lift(Fault::HostKeyChanged).unwrap();
    host.wait_for_ssh(BOOT).unwrap();

    inject(host, Fault::Frozen);
    assert!(refusal(host).contains("banner exchange"), "the connection is made, then nothing comes");
    host.lift(Fault::Frozen).unwrap();
    host.wait_for_ssh(BOOT).unwrap();

    inject(host, Fault::NeverReturnsFromReboot);
    host.ssh("sudo systemctl reboot").ok();
    host.wait("the host going down", BOOT, |host| !host.is_supervised()).unwrap();
    assert!(!host.is_running() && host.ssh("true").is_err());
    host.lift(Fault::NeverReturnsFromReboot).unwrap();
    assert!(host.ssh("true").unwrap().success());

    let boot_id = host.boot_id().unwrap();
    inject(host, Fault::PoweredOff);
    assert!(!host.is_running() && host.ssh("true").is_err());
    host.lift(Fault::PoweredOff).unwrap();
    assert_ne!(host.boot_id().unwrap(), boot_id);
}
