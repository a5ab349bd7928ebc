//! Services restarted on a real host: proven by another main process, refused by name, and never with a PID 1 that hangs.

use std::time::{Duration, Instant};

use nodemend_bed::fault::Fault;
use nodemend_core::op::{HostJob, JobExit, OpResult, ServiceJob};
use nodemend_core::time::Span;

use crate::reboot::{SOON, succeeds};
use crate::rig::Rig;

/// A service that takes half a minute to stop, and one that cannot be started.
const UNITS: &str = "cd /etc/systemd/system && \
    printf '[Service]\\nExecStart=/bin/sleep infinity\\nExecStop=/bin/sleep 30\\n' >slow.service && \
    printf '[Service]\\nExecStart=/bin/false\\n' >broken.service && \
    systemctl daemon-reload && systemctl start slow.service && systemctl mask --quiet masked.service";

fn restart(unit: &str) -> HostJob {
    HostJob::RestartService(ServiceJob { unit: unit.into(), limit: Span::seconds(10) })
}

fn main_pid(rig: &Rig<'_>, unit: &str) -> String {
    rig.host.run_checked(&format!("systemctl show -p MainPID --value {unit}")).unwrap().trim().to_owned()
}

pub(crate) fn services_are_restarted_or_refused_by_name(rig: &Rig<'_>) {
    rig.host.run_checked(UNITS).unwrap();
    restarted(rig, "ssh-1");
    for (intent, unit, reason) in
        [("masked-1", "masked.service", "UnitMasked"), ("absent-1", "absent.service", "UnitNotFound")]
    {
        let refused = rig.run(intent, restart(unit), SOON);
        assert_eq!((refused.code, refused.report["reason"].as_str()), (Some(1), reason), "{refused:?}");
    }
    let broken = rig.run("broken-1", restart("broken.service"), SOON);
    assert_eq!((broken.report["active"].as_str(), broken.report["pid-after"].as_str()), ("failed", "0"));
    // PID 1 has a socket of its own, which does not need the bus.
    rig.host.inject(Fault::DbusDead).unwrap();
    restarted(rig, "ssh-2");
    rig.host.lift(Fault::DbusDead).unwrap();
    under_a_pid1_that_hangs(rig);
}

/// The server that this very connection comes through.
fn restarted(rig: &Rig<'_>, intent: &str) {
    let before = main_pid(rig, "ssh.service");
    let exit = rig.run(intent, restart("ssh.service"), SOON);
    succeeds(&exit);
    assert_eq!(exit.report["pid-before"], before);
    assert_eq!(exit.report["pid-after"], main_pid(rig, "ssh.service"));
    assert_ne!(exit.report["pid-after"], before);
}

/// What was ordered before it hung is carried out when it wakes up: nobody can know.
fn under_a_pid1_that_hangs(rig: &Rig<'_>) {
    let before = main_pid(rig, "slow.service");
    assert_eq!(rig.launch("slow-1", restart("slow.service")), OpResult::Launched);
    let state = "systemctl show -p ActiveState --value slow.service";
    eventually("slow.service is being stopped", || {
        rig.host.run_checked(state).unwrap().trim() == "deactivating"
    });
    rig.host.inject(Fault::Pid1Hung).unwrap();
    let silent = rig.run("slow-1", restart("slow.service"), SOON);
    is_silent(&silent);
    assert_eq!(silent.report["ordered"], "yes");
    let started = Instant::now();
    let refused = rig.run("ssh-3", restart("ssh.service"), SOON);
    is_silent(&refused);
    assert!(!refused.report.contains_key("ordered") && started.elapsed() < Duration::from_secs(30));
    assert_eq!(rig.facts().unwrap().get("units"), None);
    rig.host.lift(Fault::Pid1Hung).unwrap();
    eventually("slow.service runs anew", || {
        let now = main_pid(rig, "slow.service");
        now != "0" && now != before
    });
}

fn is_silent(exit: &JobExit) {
    assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), "ManagerSilent"), "{exit:?}");
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
