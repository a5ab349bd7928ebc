//! Operations on real hosts and a real API server, one bed for all: each scenario has a host of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod access;
mod nodes;
mod packages;
mod reboot;
mod rig;
mod services;

use nodemend_bed::{Bed, BedConfig, HostSpec};
use rig::Rig;

/// A test alone on its host.
struct Scenario {
    host: &'static str,
    is_node: bool,
    run: fn(&Rig),
}

const SCENARIOS: [Scenario; 8] = [
    Scenario { host: "node", is_node: true, run: nodes::a_node_is_cordoned_drained_and_given_back },
    Scenario { host: "hung", is_node: false, run: reboot::a_host_with_a_hung_pid1_is_repaired },
    Scenario { host: "bus", is_node: false, run: reboot::a_host_without_a_bus_is_repaired },
    Scenario { host: "midway", is_node: false, run: reboot::a_pid1_may_hang_in_the_transaction },
    Scenario { host: "stuck", is_node: false, run: reboot::a_shutdown_that_hangs_is_cut_short },
    Scenario { host: "services", is_node: false, run: services::services_are_restarted_or_refused_by_name },
    Scenario { host: "packages", is_node: false, run: packages::prepare_finds_what_is_in_the_way },
    Scenario { host: "access", is_node: false, run: access::who_cannot_be_reached_or_trusted_is_not_touched },
];

#[test]
fn operations_on_real_hosts() {
    let spec = |scenario: &Scenario| HostSpec { node: scenario.is_node, ..HostSpec::new(scenario.host) };
    let hosts = SCENARIOS.iter().map(spec).collect();
    let bed = Bed::start(&BedConfig { name: "exec".into(), hosts, ..BedConfig::default() }).unwrap();
    std::thread::scope(|scope| {
        for Scenario { host, run, .. } in SCENARIOS {
            let rig = Rig::new(&bed, host);
            std::thread::Builder::new().name(host.to_owned()).spawn_scoped(scope, move || run(&rig)).unwrap();
        }
    });
}
