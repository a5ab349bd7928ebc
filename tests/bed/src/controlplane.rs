//! The control plane: etcd, API server, controller-manager and scheduler, all inside the hub.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::certs::{CertError, write_signing_key};
use crate::hub::{ADDRESS, API_PORT, HubContext};
use crate::kubeconfig::{self, Credential, Kubeconfigs};
use crate::kubectl::Kubectl;
use crate::process::{self, ProcessError};
use crate::relay::RelayError;
use crate::{audit, build};

/// Addresses of Services. The API server's own is the first.
pub const SERVICE_NETWORK: &str = "10.96.0.0/16";
/// The API server's Service address, for pods.
const KUBERNETES_SERVICE: &str = "10.96.0.1";
/// Where etcd listens inside the hub.
const ETCD: &str = "http://127.0.0.1:2379";
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
    #[error("{what} is not ready after {} s: {last}; logs are in {logs}", READY_DEADLINE.as_secs())]
    NotReady {
        /// What was waited for.
        what: &'static str,
        /// The last answer.
        last: String,
        /// The folder of the logs.
        logs: PathBuf,
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
        plane.launch(hub, "kube-controller-manager", &controller_manager_arguments(hub, &pki, grace)?)?;
        plane.launch(hub, "kube-scheduler", &scheduler_arguments(hub)?)?;
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
                let logs = hub.dir.join("logs");
                return Err(ControlPlaneError::NotReady { what, last: error.to_string(), logs });
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

fn etcd_arguments(hub: &HubContext) -> Vec<String> {
    let data = hub.dir.join("etcd");
    words(&[
        &format!("--data-dir={}", data.display()),
        &format!("--listen-client-urls={ETCD}"),
        &format!("--advertise-client-urls={ETCD}"),
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=warn",
        // A bed does not outlive a crash of the machine, so nothing is gained by waiting for the disk.
        "--unsafe-no-fsync",
    ])
}

fn api_server_arguments(hub: &HubContext, pki: &Path) -> Vec<String> {
    let (dir, pki) = (hub.dir.display(), pki.display());
    words(&[
        &format!("--etcd-servers={ETCD}"),
        &format!("--bind-address={ADDRESS}"),
        &format!("--advertise-address={ADDRESS}"),
        &format!("--secure-port={API_PORT}"),
        &format!("--tls-cert-file={pki}/apiserver.crt"),
        &format!("--tls-private-key-file={pki}/apiserver.key"),
        &format!("--client-ca-file={pki}/ca.crt"),
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        &format!("--service-cluster-ip-range={SERVICE_NETWORK}"),
        "--service-account-issuer=https://kubernetes.default.svc",
        &format!("--service-account-key-file={pki}/service-account.pub"),
        &format!("--service-account-signing-key-file={pki}/service-account.key"),
        &format!("--kubelet-certificate-authority={pki}/ca.crt"),
        &format!("--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt"),
        &format!("--kubelet-client-key={pki}/apiserver-kubelet-client.key"),
        "--kubelet-preferred-address-types=InternalIP",
        &format!("--audit-policy-file={dir}/audit-policy.json"),
        &format!("--audit-log-path={}", hub.audit_log().display()),
        "--audit-log-format=json",
        "--audit-log-mode=blocking",
    ])
}

fn controller_manager_arguments(
    hub: &HubContext,
    pki: &Path,
    grace: Duration,
) -> Result<Vec<String>, ControlPlaneError> {
    let kubeconfig = write_client(hub, "system:kube-controller-manager", None, &hub.api_server())?;
    let pki = pki.display();
    Ok(words(&[
        &format!("--kubeconfig={}", kubeconfig.display()),
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        // Each controller asks for an account and a token at the start; the default of 20 requests a second delays that.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        &format!("--service-account-private-key-file={pki}/service-account.key"),
        &format!("--root-ca-file={pki}/ca.crt"),
        &format!("--cluster-signing-cert-file={pki}/ca.crt"),
        &format!("--cluster-signing-key-file={pki}/ca.key"),
        &format!("--node-monitor-grace-period={}s", grace.as_secs()),
    ]))
}

fn scheduler_arguments(hub: &HubContext) -> Result<Vec<String>, ControlPlaneError> {
    let kubeconfig = write_client(hub, "system:kube-scheduler", None, &hub.api_server())?;
    Ok(words(&[
        &format!("--kubeconfig={}", kubeconfig.display()),
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn write(path: &Path, text: &str) -> Result<(), ControlPlaneError> {
    std::fs::write(path, text).map_err(|source| ControlPlaneError::File { path: path.to_owned(), source })
}
