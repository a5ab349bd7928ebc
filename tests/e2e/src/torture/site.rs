//! Where plans are played: a bed with plain nodes, and a controller that sees all of it through the fault proxies.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nodemend_bed::scale::{PlainHosts, PlainNodes};
use nodemend_bed::{Bed, BedConfig};
use nodemend_proxy::Engine;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::line::Line;
use super::story::{Story, pool_name};
use crate::controller::Controller;
use crate::objects::Login;
use crate::{E2eError, Stage};

/// How often the kubelet's stand-in writes its leases, and that a node without it is not given up before.
const LEASE: Duration = Duration::from_mins(20);
/// How many times faster the hosts' stand-in is: the looks of the controller, seconds apart, take most of the time.
const HASTE: u32 = 5;
/// Where the medik8s operators agree on nodes: with it the Leases of a repair are among the writes.
const LEASES: &str = "medik8s-leases";
/// One controller and one host at a time: the limit that protects a cluster would only be waited for.
const OPTIONS: [&str; 2] = ["--ssh-per-second", "100"];

/// A bed with plain nodes, of which each plan uses the next one.
#[derive(Debug)]
pub struct Site {
    /// First, so that it ends before the bed does.
    controller: Arc<Mutex<Option<Controller>>>,
    pub(super) engine: Arc<Engine>,
    pub(super) cluster: Cluster,
    pub(super) hosts: PlainHosts,
    kubeconfig: PathBuf,
    /// Ends with the site.
    _line: Line,
    stage: Stage,
    nodes: usize,
    used: usize,
}

impl Site {
    /// Starts a bed of this name with so many plain nodes, and everything but pools and runs.
    pub fn start(name: &str, nodes: usize) -> Result<Self, E2eError> {
        let bed = Bed::start(&BedConfig {
            name: name.to_owned(),
            node_monitor_grace_period: LEASE + Duration::from_mins(2),
            ..BedConfig::default()
        })?;
        let pools = (0..nodes).map(pool_name).collect();
        let plain = PlainNodes {
            lease: LEASE,
            hasten: HASTE,
            pools,
            zones: vec!["zone-a".into()],
            ..PlainNodes::new(nodes)
        };
        let hosts = plain.start(&bed)?;
        let stage = Stage::on(bed)?;
        stage.install()?;
        stage.apply([json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEASES}})])?;
        for story in Story::ALL {
            stage.bed().apply(&story.manifest())?;
        }
        Self::connect(stage, hosts, nodes)
    }

    fn connect(stage: Stage, hosts: PlainHosts, nodes: usize) -> Result<Self, E2eError> {
        let controller: Arc<Mutex<Option<Controller>>> = Arc::default();
        let victim = controller.clone();
        // What cannot be killed has ended already.
        let engine = Arc::new(Engine::new(move || drop(lock(&victim).take())));
        let line = Line::start(stage.bed(), &engine)?;
        let kubeconfig = stage.bed().dir().join("proxied.kubeconfig");
        write_kubeconfig(stage.bed().controller_kubeconfig(), &kubeconfig, &format!("https://{}", line.api))?;
        let cluster = Cluster::of(stage.bed())?;
        Ok(Self { controller, engine, cluster, hosts, kubeconfig, _line: line, stage, nodes, used: 0 })
    }

    /// The number of a node that no plan has used; none if all have been.
    pub(super) fn next_node(&mut self) -> Option<usize> {
        let number = self.used;
        self.used += 1;
        (number < self.nodes).then_some(number)
    }

    /// Whether a plan can be played here.
    pub fn has_nodes(&self) -> bool {
        self.used < self.nodes
    }

    /// How hosts are reached.
    pub(super) fn login(&self) -> &Login {
        self.stage.login()
    }

    /// The stage, for a look at how things stand.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Starts a controller unless one runs. Whether there was none: it was killed, or has ended by itself.
    pub(super) fn ensure_controller(&self) -> Result<bool, E2eError> {
        let mut controller = lock(&self.controller);
        if controller.as_mut().is_some_and(|running| running.check().is_ok()) {
            return Ok(false);
        }
        let options = OPTIONS.map(str::to_owned);
        *controller = Some(Controller::start_as(self.stage.bed(), &self.kubeconfig, &options)?);
        Ok(true)
    }

    /// Ends the controller where it stands.
    pub(super) fn end_controller(&self) {
        drop(lock(&self.controller).take());
    }
}

fn lock(controller: &Mutex<Option<Controller>>) -> MutexGuard<'_, Option<Controller>> {
    controller.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The controller's own kubeconfig with another server: the proxy shows a certificate of the same authority.
fn write_kubeconfig(from: &Path, to: &Path, server: &str) -> Result<(), E2eError> {
    let text = std::fs::read_to_string(from).map_err(E2eError::file(from))?;
    let wrong = |error: serde_json::Error| E2eError::Answer {
        request: from.display().to_string(),
        problem: error.to_string(),
    };
    let mut config: Value = serde_json::from_str(&text).map_err(wrong)?;
    config["clusters"][0]["cluster"]["server"] = json!(server);
    std::fs::write(to, config.to_string()).map_err(E2eError::file(to))
}
