//! A control plane with one node that is only an object, and a performer with the controller's rights.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use nodemend_bed::scale::PlainNodes;
use nodemend_bed::{Bed, BedConfig};
use nodemend_core::actions::Drain;
use nodemend_core::blocker::Blocker;
use nodemend_core::cordon::CordonMark;
use nodemend_core::drain::eviction::EvictionAnswer;
use nodemend_core::drain::{DrainOptions, DrainProgress, DrainRequest};
use nodemend_core::op::{Op, OpFailure, OpResult};
use nodemend_core::time::{Span, Time};
use nodemend_exec::{Act, HostKeys, Limits, Performer, Secret, SshAccess, Target};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// How long the cluster may take to notice something.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Rig {
    pub(crate) bed: Bed,
    pub(crate) target: Target,
    runtime: Runtime,
    client: kube::Client,
    performer: Performer,
}

impl Rig {
    pub(crate) fn start() -> Self {
        let bed = Bed::start(&BedConfig { name: "execapi".into(), ..BedConfig::default() }).unwrap();
        bed.apply(&nodemend_api::install::yaml().unwrap()).unwrap();
        PlainNodes::new(1).start(&bed).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let kubeconfig = Kubeconfig::read_from(bed.controller_kubeconfig()).unwrap();
        let client = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            nodemend_exec::client(config).unwrap()
        });
        let performer = Performer::new(client.clone(), Limits::default());
        Self { target: target(&bed), bed, runtime, client, performer }
    }

    /// What a performer of a controller that has just been started answers.
    pub(crate) fn perform_anew(&self, op: &Op) -> OpResult {
        let performer = Performer::new(self.client.clone(), Limits::default());
        self.runtime.block_on(performer.perform(&self.target, Act::of(op).unwrap()))
    }

    pub(crate) fn perform(&self, op: &Op) -> OpResult {
        self.perform_on(&self.target, op)
    }

    pub(crate) fn perform_on(&self, target: &Target, op: &Op) -> OpResult {
        self.runtime.block_on(self.performer.perform(target, Act::of(op).unwrap()))
    }

    /// What the API server answers to the eviction of a pod with that UID: status and words.
    pub(crate) fn evict(&self, namespace: &str, pod: &str, uid: &str) -> EvictionAnswer {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": pod, "namespace": namespace },
            "deleteOptions": { "preconditions": { "uid": uid } },
        });
        let params = PostParams::default();
        let asked = pods.create_subresource::<Value, Value>("eviction", pod, &params, &body);
        match self.runtime.block_on(asked) {
            Ok(_) => EvictionAnswer { code: 200, ..EvictionAnswer::default() },
            Err(kube::Error::Api(status)) => {
                EvictionAnswer { code: status.code, message: status.message, ..EvictionAnswer::default() }
            }
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) fn drain(&self) -> DrainProgress {
        match self.perform(&drain()) {
            OpResult::Drained(progress) => progress,
            other => panic!("{other:?}"),
        }
    }

    /// What is in the way of a drain, as reason and object.
    pub(crate) fn in_the_way(&self) -> Vec<(String, String)> {
        self.preflight().into_iter().map(|blocker| (blocker.reason, blocker.object)).collect()
    }

    pub(crate) fn preflight(&self) -> Vec<Blocker> {
        let drain = Drain::default();
        let asked = nodemend_exec::preflight(&self.client, &self.target.node, &drain, &[]);
        self.runtime.block_on(asked).unwrap()
    }

    /// A field of the node.
    pub(crate) fn node(&self, path: &str) -> String {
        let node = self.target.node.to_string();
        self.bed.kubectl(&["get", "node", &node, "-o", &format!("jsonpath={path}")]).unwrap()
    }
}

pub(crate) fn drain() -> Op {
    Op::Drain(DrainRequest { options: DrainOptions::default(), waited: Span(0) })
}

pub(crate) fn mark() -> CordonMark {
    CordonMark {
        remediation: "r-1".into(),
        run: "run-1".into(),
        run_uid: "run-uid".into(),
        since: Time(1_780_272_000_000),
        was_unschedulable: false,
        changes_host: false,
    }
}

pub(crate) fn failure(result: OpResult) -> OpFailure {
    match result {
        OpResult::NotDone(why) => why,
        other => panic!("it is not a failure: {other:?}"),
    }
}

/// The node, behind which there is no host to log in to.
fn target(bed: &Bed) -> Target {
    let node = PlainNodes::name(0);
    let uid = bed.kubectl(&["get", "node", &node, "-o", "jsonpath={.metadata.uid}"]).unwrap();
    let keys = HostKeys::new(&[], &[]).unwrap();
    Target {
        node: node.as_str().into(),
        node_uid: uid.as_str().into(),
        address: String::new(),
        ssh: Arc::new(SshAccess::new("nobody", Secret(String::new()), keys)),
        pid1_timeout: Duration::from_secs(3),
        still: nodemend_exec::Still::default(),
    }
}
