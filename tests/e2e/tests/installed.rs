//! The controller as it will run: as pods of its chart, on the very pool that it repairs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_e2e::Stage;
use nodemend_e2e::chart::{self, Pod};
use nodemend_e2e::journal::Journal;
use nodemend_e2e::objects::{self, NAMESPACE, PoolSpec};
use nodemend_e2e::proof::HostState;
use nodemend_e2e::witness::Witness;

const POOL: &str = "web";
/// Until something that is decided is said, or a pod runs.
const SOON: Duration = Duration::from_mins(1);
/// Until a node is repaired, on a machine that has other tests to run too.
const OVER: Duration = Duration::from_mins(4);

/// Shows what the controller's pods said when the test fails.
struct Installed(Stage);

impl Drop for Installed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the controller's pods:\n{}", self.0.controller_logs());
        }
    }
}

impl Installed {
    /// The chart with this many replicas, all of them Ready; guard, pool and policy.
    fn start(name: &str, nodes: &[&str], replicas: usize) -> Self {
        let hosts = nodes.iter().map(|node| HostSpec { pool: POOL.to_owned(), ..HostSpec::new(node) });
        let installed = Self(chart::stage(name, hosts.collect()).unwrap());
        let stage = &installed.0;
        let replicas = format!("replicas={replicas}");
        stage.helm_upgrade(&[&replicas]).unwrap();
        // The kinds are there now, and the guard can be made.
        stage.helm_upgrade(&[&replicas, "guard.create=true", "guard.budget.maxUnavailable=1"]).unwrap();
        stage.furnish().unwrap();
        stage.apply([objects::pool(PoolSpec::new(POOL), stage.login())]).unwrap();
        let all_reported = Timestamp::now();
        stage.reported(nodes, all_reported).unwrap();
        installed
    }

    fn only_pod(&self) -> Pod {
        let ready = || Ok(self.0.controller_pods()?.into_iter().find(|pod| pod.ready));
        self.0.eventually("a Ready pod of the controller", SOON, ready).unwrap()
    }

    fn is_repaired(&self, node: &str) {
        let repaired = |journal: &Journal| journal.outcome() == "Repaired";
        self.0.journal_that(node, "is repaired", OVER, repaired).unwrap();
        assert_eq!(HostState::of(self.0.host(node).unwrap()).unwrap().running, NEW_SYSTEMD, "{node}");
    }
}

#[test]
fn a_single_replica_repairs_its_pool_and_does_not_evict_itself() {
    let nodes = ["solo-1", "solo-2"];
    let start = Timestamp::now();
    let installed = Installed::start("solo", &nodes, 1);
    let stage = &installed.0;
    let before = installed.only_pod();
    stage.apply([objects::policy(POOL, "=1.0.0")]).unwrap();
    let other = nodes.into_iter().find(|node| *node != before.node).unwrap();
    installed.is_repaired(other);

    // Its own node goes last, and waits before anything is done to it.
    let waits = |journal: &Journal| journal.blockers().iter().any(|b| b["reason"] == "LastReplica");
    stage.journal_that(&before.node, "waits for another replica", OVER, waits).unwrap();
    stage.reported(&nodes, Timestamp::now()).unwrap();
    let after = installed.only_pod();
    assert_eq!((&after.uid, after.ready), (&before.uid, true), "the same pod");
    let witness = Witness::since(stage, start).unwrap();
    assert!(!witness.cordoned(&before.node), "the controller's own node was cordoned");
    let ours: Vec<_> =
        witness.tried_evictions().into_iter().filter(|eviction| eviction.namespace == NAMESPACE).collect();
    assert!(ours.is_empty(), "{ours:?}");
}
