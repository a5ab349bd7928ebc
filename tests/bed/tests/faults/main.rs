//! Each fault is real: what a client sees of it, and that lifting it ends it.
//!
//! One bed serves all. Hosts are used side by side, because several faults are seen only after a minute.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod manager;
mod nodes;
mod packages;
mod reach;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use nodemend_bed::fault::Fault;
use nodemend_bed::host::Host;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_bed::{Bed, BedConfig, HostSpec};

/// How long a reboot or a boot may take on a busy machine. It takes about a second.
const BOOT: Duration = Duration::from_secs(30);

/// A test of one or several faults, alone on its host.
struct Scenario {
    host: &'static str,
    is_node: bool,
    run: fn(&Bed, &Host),
}

const SCENARIOS: [Scenario; 8] = [
    Scenario { host: "hung", is_node: false, run: manager::a_hung_pid1_outlasts_the_upgrade },
    Scenario { host: "midway", is_node: false, run: manager::pid1_hangs_between_preparing_and_installing },
    Scenario { host: "kubelet", is_node: true, run: nodes::a_stopped_kubelet_makes_the_node_unknown },
    Scenario {
        host: "frozen",
        is_node: true,
        run: nodes::a_frozen_kubelet_is_active_and_makes_the_node_unknown,
    },
    Scenario { host: "runtime", is_node: true, run: nodes::a_stopped_runtime_makes_the_node_not_ready },
    Scenario { host: "bus", is_node: true, run: nodes::a_dead_bus_leaves_the_node_ready },
    Scenario { host: "reached", is_node: false, run: reach::hosts_that_cannot_be_reached },
    Scenario { host: "packages", is_node: false, run: packages::packages_that_cannot_be_installed },
];

#[test]
fn faults_are_real() {
    let spec = |scenario: &Scenario| HostSpec { node: scenario.is_node, ..HostSpec::new(scenario.host) };
    let hosts = SCENARIOS.iter().map(spec).collect();
    let bed = Bed::start(&BedConfig { name: "faults".into(), hosts, ..BedConfig::default() }).unwrap();
    std::thread::scope(|scope| {
        for Scenario { host, run, .. } in SCENARIOS {
            let bed = &bed;
            std::thread::Builder::new()
                .name(host.to_owned())
                .spawn_scoped(scope, move || run(bed, bed.host(host).unwrap()))
                .unwrap();
        }
    });
    packages::the_repository_of_all_hosts_can_be_stopped(&bed, bed.host("packages").unwrap());
    let tried = INJECTED.lock().unwrap();
    assert_eq!(*tried, Fault::ALL.into_iter().collect::<BTreeSet<_>>(), "every fault is tried");
}

/// What has been laid on some host so far.
static INJECTED: Mutex<BTreeSet<Fault>> = Mutex::new(BTreeSet::new());

fn inject(host: &Host, fault: Fault) {
    host.inject(fault).unwrap();
    INJECTED.lock().unwrap().insert(fault);
}

fn upgrade() -> String {
    format!("sudo yum -y -q --setopt=timeout=5 --setopt=retries=1 upgrade systemd-{NEW_SYSTEMD}")
}

/// Does not end within three seconds: `timeout` has to end it.
fn hangs(host: &Host, command: &str) -> bool {
    host.ssh(&format!("timeout 3 {command}")).unwrap().code == Some(124)
}
