//! The other replicas of this controller, when it runs as a pod: whether one of them could lead if this one ended.
//!
//! Who they are follows from the labels of our own pod, so that nothing has to be configured: pods of the same name and
//! instance, as the chart labels them.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

/// The labels that all replicas have in common.
const SHARED_LABELS: [&str; 2] = ["app.kubernetes.io/name", "app.kubernetes.io/instance"];

/// The pod that this process runs in (fieldRefs `metadata.name` and `metadata.namespace`).
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Own pod")]
pub struct OwnPod {
    /// The pod that this process runs in, whose other replicas it looks for (fieldRef metadata.name)
    #[arg(long, env = "POD_NAME", value_name = "POD", requires = "pod_namespace")]
    pub pod_name: Option<String>,
    /// The pod's namespace (fieldRef metadata.namespace)
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub pod_namespace: Option<String>,
}

/// What is known of the other replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// This process is no pod: nobody evicts it, and nobody could take over.
    NotAPod,
    /// At least one is Ready, on another node.
    Ready,
    /// None is.
    None,
}

/// Looks for other replicas.
#[derive(Clone)]
pub(crate) struct Replicas {
    client: Client,
    own: OwnPod,
}

impl Replicas {
    pub(crate) const fn new(client: Client, own: OwnPod) -> Self {
        Self { client, own }
    }

    /// What is live now. What cannot be read is not known to be Ready.
    pub(crate) async fn others(&self) -> Others {
        let (Some(name), Some(namespace)) = (&self.own.pod_name, &self.own.pod_namespace) else {
            return Others::NotAPod;
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        match self.ready_elsewhere(&pods, name).await {
            Ok(true) => Others::Ready,
            Ok(false) => Others::None,
            Err(error) => {
                tracing::warn!(pod = name, %error, "the other replicas cannot be read; none counts as Ready");
                Others::None
            }
        }
    }

    async fn ready_elsewhere(&self, pods: &Api<Pod>, name: &str) -> Result<bool, kube::Error> {
        let own = pods.get(name).await?;
        let Some(selector) = selector(&own) else { return Ok(false) };
        let all = pods.list(&ListParams::default().labels(&selector)).await?;
        Ok(all.items.iter().any(|pod| could_take_over(&own, pod)))
    }
}

/// Selects the replicas; nothing if our own pod does not carry the labels.
fn selector(own: &Pod) -> Option<String> {
    let wanted = SHARED_LABELS.map(|label| Some(format!("{label}={}", own.labels().get(label)?)));
    Some(wanted.into_iter().collect::<Option<Vec<_>>>()?.join(","))
}

/// Whether `pod` is Ready on another node than `own`, and stays.
fn could_take_over(own: &Pod, pod: &Pod) -> bool {
    let node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready =
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none() && node(pod).is_some() && node(pod) != node(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(node: &str, ready: &str, more: &Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": "p", "labels": {SHARED_LABELS[0]: "nodemend", SHARED_LABELS[1]: "mend"}},
            "spec": {"nodeName": node, "containers": []},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        });
        for (key, value) in more.as_object().unwrap() {
            pod["metadata"][key] = value.clone();
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn only_a_ready_replica_on_another_node_that_stays_could_take_over() {
        let own = pod("a", "True", &json!({}));
        assert!(could_take_over(&own, &pod("b", "True", &json!({}))));
        assert!(!could_take_over(&own, &own), "itself");
        assert!(!could_take_over(&own, &pod("b", "False", &json!({}))));
        let leaving = json!({"deletionTimestamp": "2026-01-31T22:00:00Z"});
        assert!(!could_take_over(&own, &pod("b", "True", &leaving)));
    }

    #[test]
    fn replicas_are_those_of_the_same_release() {
        let own = pod("a", "True", &json!({}));
        assert_eq!(
            selector(&own).as_deref(),
            Some("app.kubernetes.io/name=nodemend,app.kubernetes.io/instance=mend")
        );
        assert_eq!(selector(&pod("a", "True", &json!({"labels": {}}))), None);
    }
}
