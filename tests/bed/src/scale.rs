//! Thousands of nodes that are only objects, for tests of scale.
//!
//! Two stand-ins are behind them. One for the kubelet (kwok) renews their leases, lets the pods that are bound to them run,
//! and ends the pods that are deleted. The other answers SSH under each node's address; see [`PlainHosts`].

mod hosts;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::build;
use crate::error::BedError;
use crate::host::{POOL_LABEL, ZONE_LABEL};
use crate::process::{self, ProcessError};
use crate::workloads::manifest;

pub use hosts::{LOGIN, PlainFault, PlainHost, PlainHosts};

/// Marks the nodes that the stand-in looks after, so that real hosts may be in the same bed.
const STAND_IN: &str = "nodemend.test/stand-in";
const STAGES: &str = include_str!("../go/kwok/stages.yaml");
/// How many `kubectl` create nodes at once: each limits itself to some 25 requests a second.
const CREATORS: usize = 8;
/// From the creation of the last node on. The stand-in follows as nodes are created, so only a rest is left then.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// Plain nodes that are asked for.
#[derive(Debug, Clone)]
pub struct PlainNodes {
    /// How many.
    pub count: usize,
    /// The pools among which they are spread in turn.
    pub pools: Vec<String>,
    /// The zones among which they are spread in turn, after each round of pools.
    pub zones: Vec<String>,
    /// How long a lease of a kubelet lasts; it is renewed at a quarter of this. Thousands of nodes need a longer one than
    /// the default of 40 s, and a bed with a `node_monitor_grace_period` above it. Whole seconds.
    pub lease: Duration,
    /// How many times faster jobs and restarts are on the hosts than they would be; at least 1.
    pub hasten: u32,
}

impl PlainNodes {
    /// `count` nodes in pool `workers`, in three zones.
    pub fn new(count: usize) -> Self {
        let zones = ["zone-a", "zone-b", "zone-c"].map(str::to_owned).to_vec();
        Self { count, pools: vec!["workers".to_owned()], zones, lease: Duration::from_secs(40), hasten: 1 }
    }

    /// The name of the node with that number, from 0 on.
    pub fn name(number: usize) -> String {
        format!("plain-{number:05}")
    }

    /// Starts the stand-ins in a bed and creates the nodes, and returns when all are Ready. Call it once for a bed.
    ///
    /// Builds the stand-ins first if the cache lacks them. They end with the bed.
    pub fn start(&self, bed: &Bed) -> Result<PlainHosts, BedError> {
        let hosts = PlainHosts::start(bed, self.count, self.hasten)?;
        self.start_kubelets(bed)?;
        let numbers: Vec<usize> = (0..self.count).collect();
        let share = numbers.len().div_ceil(CREATORS).max(1);
        std::thread::scope(|scope| {
            let work = |part: &[usize]| {
                let nodes = part.iter().map(|number| self.node(*number));
                bed.kubectl_as_admin().with_input("create", &manifest(nodes))
            };
            let threads: Vec<_> = numbers.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
            // A panic of another thread is passed on.
            let end = |thread: std::thread::ScopedJoinHandle<'_, Result<String, ProcessError>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads
                .into_iter()
                .map(end)
                .collect::<Vec<_>>()
                .into_iter()
                .try_for_each(|result| result.map(drop))
        })?;
        let all_ready = || Ok(self.names().is_subset(&bed.ready_nodes()?));
        bed.wait_for("every plain node to be Ready", READY_DEADLINE, all_ready)?;
        Ok(hosts)
    }

    fn start_kubelets(&self, bed: &Bed) -> Result<(), BedError> {
        let program = build::kwok()?.join("kwok");
        let stages = bed.dir().join("kwok.yaml");
        std::fs::write(&stages, STAGES).map_err(|source| BedError::File { path: stages.clone(), source })?;
        let mut command = bed.command(program);
        command.arg("--kubeconfig").arg(bed.admin_kubeconfig()).arg("--config").arg(&stages);
        command.args([
            "--manage-all-nodes=false",
            &format!("--manage-nodes-with-annotation-selector={STAND_IN}=yes"),
        ]);
        command.arg(format!("--node-lease-duration-seconds={}", self.lease.as_secs()));
        command.args(["--server-address=127.0.0.1:10247", "--v=WARN"]);
        // It ends with the bed's control group; its exit status is of no use to anyone.
        process::leave_running(process::start_logged(&mut command, &bed.hub().log("kwok"))?);
        Ok(())
    }

    fn names(&self) -> BTreeSet<String> {
        (0..self.count).map(Self::name).collect()
    }

    fn node(&self, number: usize) -> Value {
        let name = Self::name(number);
        let pool = in_turn(&self.pools, number);
        let zone = in_turn(&self.zones, number / self.pools.len().max(1));
        let room = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": name, "annotations": {STAND_IN: "yes"},
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", POOL_LABEL: pool, ZONE_LABEL: zone},
            },
            "spec": {"providerID": format!("plain://{name}")},
            "status": {
                "capacity": room, "allocatable": room,
                "addresses": [{"type": "InternalIP", "address": hosts::address(number)}],
                "nodeInfo": node_info(number),
                // As a kubelet that registers its node; the stand-in would take minutes to say so of thousands.
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "stand-in"}],
            },
        })
    }
}

fn in_turn(values: &[String], number: usize) -> Option<&str> {
    values.get(number % values.len().max(1)).map(String::as_str)
}

/// All fields are required by the API; only the boot id differs.
fn node_info(number: usize) -> Value {
    json!({
        "bootID": format!("00000000-0000-4000-8000-{number:012}"), "machineID": "", "systemUUID": "",
        "kernelVersion": "3.10.0", "osImage": "CentOS Linux 7 (Core)", "containerRuntimeVersion": "stand-in://0",
        "kubeletVersion": "v1.36.3", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_and_zones_are_mixed() {
        let nodes = PlainNodes { pools: vec!["a".into(), "b".into()], ..PlainNodes::new(6) };
        let place = |number| {
            let labels = nodes.node(number)["metadata"]["labels"].clone();
            (labels[POOL_LABEL].as_str().map(str::to_owned), labels[ZONE_LABEL].as_str().map(str::to_owned))
        };
        let places: std::collections::BTreeSet<_> = (0..6).map(place).collect();
        assert_eq!(places.len(), 6, "two pools in three zones each");
    }
}
