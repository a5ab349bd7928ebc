//! A bed: one cluster from start to stop.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::Uid;
use serde_json::Value;

use crate::build::Binaries;
use crate::certs::CertificateAuthority;
use crate::cgroup::Cgroup;
use crate::config::BedConfig;
use crate::controlplane::ControlPlane;
use crate::error::BedError;
use crate::host::{self, Host, HostError};
use crate::hub::{self, HubContext};
use crate::kubeconfig::Kubeconfigs;
use crate::kubectl::Kubectl;
use crate::state::{self, Owner, State};
use crate::{audit, images, remove};

/// How often [`Bed::wait_for`] looks.
const POLL: Duration = Duration::from_millis(100);
/// Five nodes take about 15 s on two idle cores; the promise is a minute.
const READY_DEADLINE: Duration = Duration::from_mins(1);

/// A running cluster. Dropping it stops it, unless it was [detached](Bed::detach) or [attached to](Bed::attach).
#[derive(Debug)]
pub struct Bed {
    hub: HubContext,
    kubeconfigs: Kubeconfigs,
    kubectl: Kubectl,
    state: State,
    hosts: Vec<Host>,
    /// Nothing when the bed was started by somebody else.
    control_plane: Option<ControlPlane>,
    /// Whether dropping this stops the bed.
    owned: bool,
}

impl Bed {
    /// Starts a bed, building first what the cache lacks. What a failed start leaves behind is removed.
    pub fn start(config: &BedConfig) -> Result<Self, BedError> {
        Self::check_privileges()?;
        let binaries = Binaries::build(config.release)?;
        let images = images::archives(&binaries)?;
        let state = State { owner: Owner::this_process(), binaries, images };
        state::claim(&config.name, &state)?;
        let started = Self::start_claimed(config, state);
        if started.is_err() {
            // The first error says more than a second one would.
            let _ = remove::everything_of(&config.name);
        }
        started
    }

    /// Refuses who may not run beds; [`Bed::start`] asks too, but only a caller who asks first is spared a long build.
    pub fn check_privileges() -> Result<(), BedError> {
        if Uid::effective().is_root() { Ok(()) } else { Err(BedError::NotRoot) }
    }

    fn start_claimed(config: &BedConfig, state: State) -> Result<Self, BedError> {
        let dir = state::folder(&config.name);
        let file = |path: &Path, source| BedError::File { path: path.to_owned(), source };
        let logs = dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(|source| file(&logs, source))?;
        let state = Self::with_images(&dir, &config.images, state).map_err(|source| file(&dir, source))?;
        state.write(&config.name)?;
        let ca = CertificateAuthority::create(&dir.join("pki"))?;
        let hub = context(&config.name, ca, &state);
        hub.group().create().map_err(|source| file(hub.group().path(), source))?;
        hub::create_network(&hub.netns)?;
        let mut bed = Self::assemble(hub, state);
        bed.owned = true;
        bed.start_parts(config)?;
        bed.wait_for_nodes(READY_DEADLINE)?;
        Ok(bed)
    }

    /// Hosts see one folder of images: with further ones, all are put into one of the bed's own.
    fn with_images(dir: &Path, further: &[PathBuf], mut state: State) -> std::io::Result<State> {
        if !further.is_empty() {
            state.images.extend_from_slice(further);
            state.images = images::gather(&state.images, &dir.join("images"))?;
        }
        Ok(state)
    }

    /// Control plane and hosts start side by side: a kubelet asks for the API server until it is there.
    fn start_parts(&mut self, config: &BedConfig) -> Result<(), BedError> {
        let hub = &self.hub;
        let (plane, hosts) = std::thread::scope(|scope| {
            let plane = scope.spawn(|| ControlPlane::start(hub, config.node_monitor_grace_period));
            let hosts =
                if config.hosts.is_empty() { Ok(Vec::new()) } else { host::start_all(hub, &config.hosts) };
            (plane.join(), hosts)
        });
        // A panic of the other thread is passed on.
        self.control_plane = Some(plane.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        self.hosts = hosts?;
        Ok(())
    }

    /// Waits until every host with a kubelet is a Ready node.
    pub fn wait_for_nodes(&self, deadline: Duration) -> Result<(), BedError> {
        let wanted = self.hosts.iter().filter(|host| host.spec().node).map(Host::name);
        let wanted: BTreeSet<_> = wanted.map(str::to_owned).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.wait_for(&format!("Ready nodes {wanted:?}"), deadline, || {
            Ok(self.ready_nodes()?.is_superset(&wanted))
        })
    }

    /// The names of the nodes that are Ready.
    pub fn ready_nodes(&self) -> Result<BTreeSet<String>, BedError> {
        let request = ["get", "nodes", "-o", "json"];
        let answer = self.kubectl(&request)?;
        let nodes: Value = serde_json::from_str(&answer)
            .map_err(|source| BedError::Answer { request: request.join(" "), source })?;
        let nodes = nodes["items"].as_array().into_iter().flatten().filter(|node| is_ready(node));
        Ok(nodes.filter_map(|node| Some(node["metadata"]["name"].as_str()?.to_owned())).collect())
    }

    /// A bed that is already running, such as one that was detached. Dropping it leaves the bed alone.
    pub fn attach(name: &str) -> Result<Self, BedError> {
        let state = State::read(name)?;
        let ca = CertificateAuthority::load(&state::folder(name).join("pki"))?;
        let mut bed = Self::assemble(context(name, ca, &state), state);
        if bed.hub.dir.join("hosts").exists() {
            bed.hosts = host::list(&bed.hub)?;
        }
        Ok(bed)
    }

    fn assemble(hub: HubContext, state: State) -> Self {
        let kubeconfigs = Kubeconfigs::in_folder(&hub.dir);
        let kubectl = Kubectl::for_bed(&hub);
        Self { hub, kubeconfigs, kubectl, state, hosts: Vec::new(), control_plane: None, owned: false }
    }

    /// Leaves the bed running when this process ends.
    pub fn detach(mut self) -> Result<(), BedError> {
        self.state.owner = Owner::Detached;
        self.state.write(&self.hub.bed)?;
        self.owned = false;
        Ok(())
    }

    /// Stops the bed and removes every trace of it, whoever started it.
    pub fn stop(mut self) -> Result<(), BedError> {
        self.shut_down()
    }

    fn shut_down(&mut self) -> Result<(), BedError> {
        self.owned = false;
        remove::everything_of(&self.hub.bed)?;
        if let Some(plane) = &mut self.control_plane {
            plane.reap();
        }
        Ok(())
    }

    /// The kubeconfig of a cluster administrator. Works from any namespace of this machine.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.kubeconfigs.admin
    }

    /// The kubeconfig of service account `nodemend-system/nodemend`, which has no rights until somebody binds a role.
    pub fn controller_kubeconfig(&self) -> &Path {
        &self.kubeconfigs.controller
    }

    /// `kubectl` as the administrator; [`Kubectl::with_kubeconfig`] makes one for somebody else.
    pub fn kubectl_as_admin(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Runs `kubectl` as the administrator and returns its output.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, BedError> {
        Ok(self.kubectl.run(arguments)?)
    }

    /// Applies manifests as the administrator.
    pub fn apply(&self, manifests: &str) -> Result<String, BedError> {
        Ok(self.kubectl.apply(manifests)?)
    }

    /// A command that runs inside the hub and ends with the bed. From there hosts and the API server can be reached.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.hub.command(program)
    }

    /// Looks every 100 ms until `check` is true. An error of `check` ends the wait; so does the deadline.
    pub fn wait_for(
        &self,
        what: &str,
        deadline: Duration,
        mut check: impl FnMut() -> Result<bool, BedError>,
    ) -> Result<(), BedError> {
        let started = Instant::now();
        while !check()? {
            if started.elapsed() > deadline {
                return Err(BedError::Deadline { what: what.to_owned(), waited: deadline });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// The bed's hosts, in the order in which they were made.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Result<&Host, BedError> {
        let unknown = || {
            let names: Vec<_> = self.hosts.iter().map(Host::name).collect();
            HostError::Unknown(name.to_owned(), names.join(", "))
        };
        Ok(self.hosts.iter().find(|host| host.name() == name).ok_or_else(unknown)?)
    }

    /// The bed's folder: logs, keys, kubeconfigs. It goes with the bed.
    pub fn dir(&self) -> &Path {
        &self.hub.dir
    }

    /// What the parts of the bed share.
    pub fn hub(&self) -> &HubContext {
        &self.hub
    }

    /// The API server's audit log (JSON lines).
    pub fn audit_log(&self) -> PathBuf {
        self.hub.audit_log()
    }

    /// The audit events recorded so far, oldest first.
    pub fn audit_events(&self) -> Result<Vec<Value>, BedError> {
        audit::events(&self.audit_log()).map_err(|source| BedError::File { path: self.audit_log(), source })
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if self.owned
            && let Err(error) = self.shut_down()
        {
            eprintln!(
                "bed: bed `{}` was not stopped completely: {error}; the next start tries again",
                self.hub.bed
            );
        }
    }
}

fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn context(name: &str, ca: CertificateAuthority, state: &State) -> HubContext {
    HubContext {
        bed: name.to_owned(),
        dir: state::folder(name),
        netns: format!("{}hub", hub::netns_prefix(name)),
        ca,
        binaries: state.binaries.clone(),
        images: state.images.clone(),
        cgroup: Cgroup::for_bed(name),
    }
}
