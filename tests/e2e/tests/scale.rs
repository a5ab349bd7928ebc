//! Three hundred nodes repaired in one run within their budget, while their controller is killed.

use std::time::Duration;

use nodemend_e2e::scale::{Fleet, FleetSpec, Seed};

#[test]
fn three_hundred_nodes_are_repaired_within_their_budget_through_kills() {
    let spec = FleetSpec {
        name: "scale300".into(),
        nodes: 300,
        max_unavailable: 45,
        kills: 2,
        deadline: Duration::from_mins(4),
    };
    let fleet = Fleet::start(spec).unwrap();
    let figures = fleet.heal(&mut Seed::new(1), |_| {}).unwrap();
    eprintln!("{figures}, {} s", figures.seconds);
    assert!(figures.faults.is_empty(), "{}\n{}", figures.faults.join("\n"), fleet.stage().situation());
    assert!(figures.peak > 1, "nodes are repaired side by side");
}
