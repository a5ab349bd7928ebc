//! What makes a host a Kubernetes node: containerd, a kubelet with certificates of its own, a network for pods.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::{Host, HostError, POOL_LABEL, ZONE_LABEL};
use crate::hub::HubContext;
use crate::images::PAUSE_IMAGE;
use crate::kubeconfig::{self, Credential};

/// The units that a node starts at boot, with their text.
const UNITS: [(&str, &str); 3] = [
    ("pod-namespace.service", include_str!("files/pod-namespace.service")),
    ("containerd.service", include_str!("files/containerd.service")),
    ("kubelet.service", include_str!("files/kubelet.service")),
];
/// What the units run, below `/usr/libexec/bed`.
const SCRIPTS: [(&str, &str); 2] = [
    ("pod-namespace", include_str!("files/pod-namespace.sh")),
    ("import-images", include_str!("files/import-images.sh")),
];
const CONTAINERD: &str = include_str!("files/containerd.toml");
/// Where the node's keys and certificates are, inside the host.
const PKI: &str = "etc/kubernetes/pki";

/// The options of `systemd-nspawn` that bring the programs of a node and its images in, read-only.
pub(super) fn program_binds(hub: &HubContext) -> String {
    let binaries = &hub.binaries;
    let mut binds = vec![
        (binaries.kubernetes.as_path(), "kubernetes"),
        (binaries.containerd.as_path(), "containerd"),
        (binaries.runc.as_path(), "runc"),
        (binaries.cni.as_path(), "cni"),
    ];
    binds.extend(hub.images.first().and_then(|archive| archive.parent()).map(|folder| (folder, "images")));
    let option = |(from, to): (&Path, &str)| format!("--bind-ro={}:/opt/bed/{to}", from.display());
    binds.into_iter().map(option).collect::<Vec<_>>().join(" ")
}

impl Host {
    /// Writes units, configuration and certificates of the node.
    pub(super) fn write_node(&self, hub: &HubContext) -> Result<(), HostError> {
        for (name, text) in UNITS {
            self.write(&format!("etc/systemd/system/{name}"), text)?;
            self.enable(name)?;
        }
        for (name, text) in SCRIPTS {
            self.write_with_mode(&format!("usr/libexec/bed/{name}"), text, 0o755)?;
        }
        self.write("etc/containerd/config.toml", &CONTAINERD.replace("PAUSE_IMAGE", PAUSE_IMAGE))?;
        self.write("etc/cni/net.d/10-bed.conflist", &self.pod_network_config())?;
        self.write("etc/kubernetes/kubelet.json", &self.kubelet_config())?;
        self.write("etc/kubernetes/kubelet.env", &self.kubelet_arguments())?;
        self.write_certificates(hub)
    }

    fn enable(&self, unit: &str) -> Result<(), HostError> {
        let wants = self.seed().join("etc/systemd/system/multi-user.target.wants");
        let attempt = || {
            fs::create_dir_all(&wants)?;
            symlink(format!("../{unit}"), wants.join(unit))
        };
        attempt().map_err(|source| self.file_error(wants.join(unit), source))
    }

    fn write_certificates(&self, hub: &HubContext) -> Result<(), HostError> {
        let folder = self.seed().join(PKI);
        hub.ca.node_client(&self.spec.name)?.write(&folder, "client")?;
        hub.ca.node_serving(&self.spec.name, self.address().into())?.write(&folder, "serving")?;
        self.write(&format!("{PKI}/ca.crt"), hub.ca.certificate())?;
        let inside = Path::new("/").join(PKI);
        let (certificate, key) = (inside.join("client.crt"), inside.join("client.key"));
        let credential = Credential::Certificate { certificate: &certificate, key: &key };
        let kubeconfig = kubeconfig::text(&hub.api_server(), &inside.join("ca.crt"), &credential);
        self.write_with_mode("etc/kubernetes/kubelet.kubeconfig", &kubeconfig, 0o600)
    }

    /// A bridge with the host's own range of addresses. Pods are routed, not translated: the hub knows every range.
    fn pod_network_config(&self) -> String {
        let ipam = json!({
            "type": "host-local",
            "ranges": [[{"subnet": self.number.pod_network()}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        });
        let bridge =
            json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": ipam});
        let port_map = json!({"type": "portmap", "capabilities": {"portMappings": true}, "snat": false});
        format!("{:#}\n", json!({"cniVersion": "1.0.0", "name": "bed", "plugins": [bridge, port_map]}))
    }

    fn kubelet_arguments(&self) -> String {
        let (address, spec) = (self.address(), &self.spec);
        format!(
            "KUBELET_ARGUMENTS=--config=/etc/kubernetes/kubelet.json --kubeconfig=/etc/kubernetes/kubelet.kubeconfig \
             --hostname-override={} --node-ip={address} --node-labels={POOL_LABEL}={},{ZONE_LABEL}={}\n",
            spec.name, spec.pool, spec.zone
        )
    }

    /// The settings that differ from the defaults. `KubeletInUserNamespace` lets the kubelet go on where a host may not set
    /// kernel parameters; version 1 control groups and swap are the machine's, not the host's, to choose.
    fn kubelet_config(&self) -> String {
        let pki = format!("/{PKI}");
        let config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": true},
                "x509": {"clientCAFile": format!("{pki}/ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": format!("{pki}/serving.crt"),
            "tlsPrivateKeyFile": format!("{pki}/serving.key"),
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "providerID": self.provider_id(),
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": false,
            "failSwapOn": false,
            "featureGates": {"KubeletInUserNamespace": true},
        });
        format!("{config:#}\n")
    }
}
