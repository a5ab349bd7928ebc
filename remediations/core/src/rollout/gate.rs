//! Questions that somebody else answers before work goes on. What cannot be asked, or is not answered, is a no.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// How long a yes counts: long enough for a round of grants, short enough that the world has not moved on.
pub const ANSWER_COUNTS_FOR: Span = Span::seconds(30);

/// A question; exactly one of `prometheusQuery`, `webhook` and `objectCondition`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.prometheusQuery) ? 1 : 0) + (has(self.webhook) ? 1 : 0) + (has(self.objectCondition) ? 1 : 0) == 1",
    "message": "give exactly one of prometheusQuery, webhook and objectCondition",
}]))]
pub struct Gate {
    /// Before what it is asked.
    #[serde(default)]
    pub scope: GateScope,
    /// A Prometheus query whose result has to be there and true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_query: Option<PrometheusQuery>,
    /// A service that has to say yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// A condition of an object that has to be True.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_condition: Option<ObjectCondition>,
}

/// Before what a gate is asked.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum GateScope {
    /// Once, before the first node of the run.
    Run,
    /// Before the first node of each batch.
    #[default]
    Batch,
    /// Before each node.
    Node,
}

/// An instant query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusQuery {
    /// Where Prometheus is, such as `http://prometheus.monitoring:9090`.
    #[schemars(length(min = 1, max = 1024))]
    pub url: String,
    /// The query. Open if it gives at least one sample and none of them is 0 or not a number; use a comparison with
    /// `bool`, or `== 0` and the like.
    #[schemars(length(min = 1, max = 1024))]
    pub query: String,
}

/// A service that is asked with a POST: open if it answers 200 within its time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// The URL. The body is JSON: `run`, `pool`, `playbook`, `batch`, and `node` for a gate of scope `Node`.
    #[schemars(length(min = 1, max = 1024))]
    pub url: String,
}

/// A condition of some object in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectCondition {
    /// `apiVersion` of the object, such as `apps/v1`.
    #[schemars(length(min = 1, max = 128))]
    pub api_version: String,
    /// Kind of the object.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Namespace of the object; absent for kinds that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Type of the condition in `status.conditions`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub kind_of_condition: String,
}

/// One question as it is asked: which gate of a run, about which batch and node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// Name of the run.
    pub run: String,
    /// UID of the run.
    pub run_uid: crate::ids::RunUid,
    /// Index of the gate in `rollout.gates`.
    pub gate: usize,
    /// The batch; absent for scope `Run`.
    pub batch: Option<u32>,
    /// The node; for scope `Node`.
    pub node: Option<crate::ids::NodeName>,
}

/// What was answered last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Answer {
    /// Whether it was a yes.
    pub open: bool,
    /// What was answered, or why nothing was.
    pub why: String,
    /// When.
    pub at: Time,
}

impl Answer {
    /// Whether it still counts.
    pub fn is_fresh(&self, now: Time) -> bool {
        self.at > now.before(ANSWER_COUNTS_FOR)
    }
}

impl Gate {
    /// What is asked, for people.
    pub fn describe(&self) -> String {
        let prometheus = self.prometheus_query.as_ref().map(|p| format!("prometheusQuery `{}`", p.query));
        let webhook = || self.webhook.as_ref().map(|w| format!("webhook {}", w.url));
        let condition = || {
            let of = self.object_condition.as_ref()?;
            Some(format!("condition {} of {} {}", of.kind_of_condition, of.kind, of.name))
        };
        prometheus
            .or_else(webhook)
            .or_else(condition)
            .unwrap_or_else(|| "a gate that asks nothing".to_owned())
    }
}
