//! Plain nodes stay Ready, run pods and let go of them without a host behind them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::Duration;

use nodemend_bed::scale::PlainNodes;
use nodemend_bed::workloads::{deployment, manifest};
use nodemend_bed::{Bed, BedConfig, BedError};

const NODES: usize = 60;
/// Leases are renewed every 10 s; short, so that the test outlives it and finds nodes whose leases are not.
const GRACE: Duration = Duration::from_secs(20);
const DEADLINE: Duration = Duration::from_secs(30);

fn count(bed: &Bed, arguments: &[&str]) -> Result<usize, BedError> {
    Ok(bed.kubectl(arguments)?.lines().count())
}

#[test]
fn plain_nodes_stay_ready_and_run_pods() {
    let config = BedConfig { name: "scale".into(), node_monitor_grace_period: GRACE, ..BedConfig::default() };
    let bed = Bed::start(&config).unwrap();
    PlainNodes::new(NODES).start(&bed).unwrap();
    assert_eq!(bed.ready_nodes().unwrap().len(), NODES);
    bed.apply(&manifest([deployment("web", 100, "workers")])).unwrap();
    let running = ["get", "pods", "--field-selector=status.phase=Running", "-o", "name"];
    bed.wait_for("all pods to run", DEADLINE, || Ok(count(&bed, &running)? == 100)).unwrap();
    bed.kubectl(&["scale", "deployment", "web", "--replicas=0"]).unwrap();
    bed.wait_for("all pods to end", DEADLINE, || Ok(count(&bed, &["get", "pods", "-o", "name"])? == 0))
        .unwrap();
    leases_are_renewed(&bed);
    assert_eq!(bed.ready_nodes().unwrap().len(), NODES);
}

/// Every lease is renewed three times, which takes longer than the grace period.
fn leases_are_renewed(bed: &Bed) {
    let renewed = "jsonpath={range .items[*]}{.spec.renewTime}{\"\\n\"}{end}";
    let times = || bed.kubectl(&["get", "leases", "-n", "kube-node-lease", "-o", renewed]);
    for _ in 0..3 {
        let before: Vec<_> = times().unwrap().lines().map(str::to_owned).collect();
        assert_eq!(before.len(), NODES);
        bed.wait_for("every lease to be renewed", DEADLINE, || {
            Ok(times()?.lines().zip(&before).all(|(now, before)| now != before))
        })
        .unwrap();
    }
}
