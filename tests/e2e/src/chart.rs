//! The controller as it will run: its image on the hosts, its chart installed with helm, its pods in the cluster.

use std::path::{Path, PathBuf};

use nodemend_bed::hub::{ADDRESS, API_PORT};
use nodemend_bed::{Bed, BedConfig, HostSpec};
use serde_json::Value;

use crate::objects::NAMESPACE;
use crate::{E2eError, Stage};

/// The name of the release and of the Deployment.
pub const RELEASE: &str = "nodemend";
/// What all pods of the controller have in common.
const PODS: &str = "app.kubernetes.io/name=nodemend";

/// The image's archive: `NODEMEND_IMAGE`, else where `make image` puts it.
pub fn image() -> Result<PathBuf, E2eError> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/image/nodemend.tar");
    let path = std::env::var_os("NODEMEND_IMAGE").map_or(made, PathBuf::from);
    if path.is_file() { Ok(path) } else { Err(E2eError::NoImage(path)) }
}

/// A bed whose hosts have the image, with nothing of ours installed. Its namespace takes no pod that the strictest of
/// Kubernetes' Pod Security Standards refuses.
pub fn stage(name: &str, hosts: Vec<HostSpec>) -> Result<Stage, E2eError> {
    let images = vec![image()?];
    let bed = Bed::start(&BedConfig { name: name.to_owned(), hosts, images, ..BedConfig::default() })?;
    bed.kubectl(&["label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"])?;
    Stage::on(bed)
}

/// One pod of the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The node that it runs on.
    pub node: String,
    /// Whether it is Ready, and not about to go.
    pub ready: bool,
}

impl Stage {
    /// Installs the chart, or changes what is installed, with these values beside the defaults.
    pub fn helm_upgrade(&self, values: &[&str]) -> Result<(), E2eError> {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/nodemend");
        let chart = chart.display().to_string();
        // The bed has made the ServiceAccount for controllers that are no pods. It has no kube-proxy.
        let mut arguments =
            vec!["upgrade", "--install", RELEASE, &chart, "--namespace", NAMESPACE, "--take-ownership"];
        let (host, port) = (format!("apiServer.host={ADDRESS}"), format!("apiServer.port={API_PORT}"));
        for value in [host.as_str(), port.as_str()].iter().chain(values) {
            arguments.extend(["--set", value]);
        }
        self.bed().helm(&arguments)?;
        Ok(())
    }

    /// The pods of the controller.
    pub fn controller_pods(&self) -> Result<Vec<Pod>, E2eError> {
        let mut pods = self.list("pods")?;
        pods.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == RELEASE);
        Ok(pods.iter().map(pod).collect())
    }

    /// The last lines that the controller's pods have logged, for an error message.
    pub fn controller_logs(&self) -> String {
        let arguments = ["logs", "--namespace", NAMESPACE, "--selector", PODS, "--prefix", "--tail=60"];
        self.bed().kubectl(&arguments).unwrap_or_else(|error| error.to_string())
    }
}

fn pod(object: &Value) -> Pod {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    Pod {
        name: text("/metadata/name"),
        uid: text("/metadata/uid"),
        node: text("/spec/nodeName"),
        ready: ready && object["metadata"]["deletionTimestamp"].is_null(),
    }
}
