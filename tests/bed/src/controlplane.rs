//! The control plane: etcd, API server, controller-manager and scheduler, all inside the hub.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::certs::{CertError, write_signing_key};
use crate::components::{
    KUBERNETES_SERVICE, api_server_arguments, controller_manager_arguments, etcd_arguments,
    scheduler_arguments,
};
use crate::hub::{ADDRESS, API_PORT, HubContext};
use crate::kubeconfig::{self, Credential, Kubeconfigs};
use crate::kubectl::Kubectl;
use crate::process::{self, ProcessError};
use crate::relay::RelayError;
use crate::{audit, build};

/// The API server needs about 4 s on two idle cores; other builds may be using them.
const READY_DEADLINE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(100);

/// The controller's namespace and service account. Whoever installs the controller grants it rights.
const CONTROLLER_ACCOUNT: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: nodemend-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: nodemend, namespace: nodemend-system}
";
/// Outlives any bed.
const TOKEN_DURATION: &str = "8760h";

/// Why the control plane did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// A certificate could not be made.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The API server could not be made reachable from the machine's loopback.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// A configuration file could not be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A component ended while the control plane was starting.
    #[error("{component} ended ({status}); the end of its log:\n{log}")]
    Ended {
        /// The component.
        component: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// Something was not ready in time.
    #[error("{what} is not ready after {} s: {last}; the end of the API server's log:\n{log}", READY_DEADLINE.as_secs())]
    NotReady {
        /// What was waited for.
        what: &'static str,
        /// The last answer.
        last: String,
        /// The end of the API server's log.
        log: String,
    },
}

/// A running control plane.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    components: Vec<(&'static str, Child)>,
}

impl ControlPlane {
    /// Starts everything and returns when the API server is ready and the controllers are at work.
    pub(crate) fn start(hub: &HubContext, grace: Duration) -> Result<Self, ControlPlaneError> {
        let pki = hub.dir.join("pki");
        write_pki(hub, &pki)?;
        write(&hub.dir.join("audit-policy.json"), &audit::policy())?;
        let mut plane = Self { components: Vec::new() };
        plane.launch(hub, "etcd", &etcd_arguments(hub))?;
        plane.launch(hub, "kube-apiserver", &api_server_arguments(hub, &pki))?;
        let server = hub.relay(SocketAddr::from((ADDRESS, API_PORT)))?;
        let server = format!("https://{server}");
        let kubectl = write_admin(hub, &server)?;
        plane.wait(hub, "the API server", || kubectl.run(&["get", "--raw", "/readyz"]))?;
        let manager = write_client(hub, "system:kube-controller-manager", None, &hub.api_server())?;
        plane.launch(hub, "kube-controller-manager", &controller_manager_arguments(&manager, &pki, grace))?;
        let scheduler = write_client(hub, "system:kube-scheduler", None, &hub.api_server())?;
        plane.launch(hub, "kube-scheduler", &scheduler_arguments(&scheduler))?;
        kubectl.apply(CONTROLLER_ACCOUNT)?;
        write_controller(hub, &server, &kubectl)?;
        // Without this account pods are refused; that it exists also shows the controller-manager at work.
        plane.wait(hub, "the default service account", || {
            kubectl.run(&["get", "serviceaccount", "default", "--namespace", "default"])
        })?;
        Ok(plane)
    }

    /// Collects the components' exit statuses. They must have been killed.
    pub(crate) fn reap(&mut self) {
        for (_, child) in &mut self.components {
            // An error means that it has been collected already.
            let _ = child.wait();
        }
    }

    fn launch(
        &mut self,
        hub: &HubContext,
        name: &'static str,
        arguments: &[String],
    ) -> Result<(), ControlPlaneError> {
        let mut command = hub.command(hub.binaries.control_plane(name));
        let child = process::start_logged(command.args(arguments), &hub.log(name))?;
        self.components.push((name, child));
        Ok(())
    }

    /// Polls until `check` succeeds; a component that ends meanwhile is an error at once.
    fn wait(
        &mut self,
        hub: &HubContext,
        what: &'static str,
        check: impl Fn() -> Result<String, ProcessError>,
    ) -> Result<(), ControlPlaneError> {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            let Err(error) = check() else { return Ok(()) };
            for (component, child) in &mut self.components {
                if let Ok(Some(status)) = child.try_wait() {
                    let log = build::last_lines(&hub.log(component));
                    return Err(ControlPlaneError::Ended { component, status, log });
                }
            }
            if Instant::now() > deadline {
                let log = build::last_lines(&hub.log("kube-apiserver"));
                return Err(ControlPlaneError::NotReady { what, last: error.to_string(), log });
            }
            std::thread::sleep(POLL);
        }
    }
}

fn write_pki(hub: &HubContext, pki: &Path) -> Result<(), CertError> {
    let address = ADDRESS.to_string();
    let names = [
        "127.0.0.1",
        &address,
        KUBERNETES_SERVICE,
        "kubernetes.default.svc",
        "kubernetes.default",
        "kubernetes",
    ];
    hub.ca.server("kube-apiserver", &names)?.write(pki, "apiserver")?;
    // With this the API server asks kubelets for logs and exec.
    hub.ca
        .client("kube-apiserver-kubelet-client", Some("system:masters"))?
        .write(pki, "apiserver-kubelet-client")?;
    write_signing_key(pki, "service-account")?;
    Ok(())
}

/// Writes a certificate and a kubeconfig for one user and returns the kubeconfig's path.
fn write_client(
    hub: &HubContext,
    user: &str,
    group: Option<&str>,
    server: &str,
) -> Result<PathBuf, ControlPlaneError> {
    let stem = user.rsplit(':').next().unwrap_or(user);
    let (certificate, key) = hub.ca.client(user, group)?.write(&hub.dir.join("pki"), stem)?;
    let path = hub.dir.join(format!("{stem}.kubeconfig"));
    let credential = Credential::Certificate { certificate: &certificate, key: &key };
    write(&path, &kubeconfig::text(server, &hub.ca_file(), &credential))?;
    Ok(path)
}

fn write_admin(hub: &HubContext, server: &str) -> Result<Kubectl, ControlPlaneError> {
    write_client(hub, "admin", Some("system:masters"), server)?;
    Ok(Kubectl::for_bed(hub))
}

fn write_controller(hub: &HubContext, server: &str, kubectl: &Kubectl) -> Result<(), ControlPlaneError> {
    let token = kubectl.run(&[
        "create",
        "token",
        "nodemend",
        "-n",
        "nodemend-system",
        "--duration",
        TOKEN_DURATION,
    ])?;
    let text = kubeconfig::text(server, &hub.ca_file(), &Credential::Token(token.trim()));
    write(&Kubeconfigs::in_folder(&hub.dir).controller, &text)
}

/// For the owner alone: a kubeconfig may hold a token.
fn write(path: &Path, text: &str) -> Result<(), ControlPlaneError> {
    let mut options = File::options();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| ControlPlaneError::File { path: path.to_owned(), source })
}
