//! How each component of the control plane is called.

use std::path::Path;
use std::time::Duration;

use crate::hub::{ADDRESS, API_PORT, HubContext};

/// Addresses of Services. The API server's own is the first.
const SERVICE_NETWORK: &str = "10.96.0.0/16";
/// The API server's Service address, for pods.
pub(crate) const KUBERNETES_SERVICE: &str = "10.96.0.1";
/// Where etcd listens inside the hub.
const ETCD: &str = "http://127.0.0.1:2379";
pub(crate) fn etcd_arguments(hub: &HubContext) -> Vec<String> {
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

pub(crate) fn api_server_arguments(hub: &HubContext, pki: &Path) -> Vec<String> {
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
        // In megabytes: never rotated, for the whole of it is the witness.
        "--audit-log-maxsize=100000",
    ])
}

pub(crate) fn controller_manager_arguments(kubeconfig: &Path, pki: &Path, grace: Duration) -> Vec<String> {
    let pki = pki.display();
    words(&[
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
    ])
}

pub(crate) fn scheduler_arguments(kubeconfig: &Path) -> Vec<String> {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    words(&[&kubeconfig, "--bind-address=127.0.0.1", "--leader-elect=false"])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
