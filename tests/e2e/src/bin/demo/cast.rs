//! Who plays: the hosts, their pool, and the pods on them.

use std::time::Duration;

use nodemend_bed::HostSpec;
use nodemend_bed::workloads::{daemon_set, deployment, pod_disruption_budget};
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::{E2eError, Stage};
use serde_json::Value;

/// The pool that heals.
pub(crate) const POOL: &str = "web";
/// Its nodes.
pub(crate) const NODES: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];
/// The one whose PID 1 does not answer.
pub(crate) const HUNG: &str = "web-2";
/// The hung host alone spends 90 s in its package's scriptlet.
pub(crate) const HEALED: Duration = Duration::from_mins(6);
/// A node of another pool, where pods can go.
const SPARE: &str = "spare";

/// The hosts as they are made.
pub(crate) fn hosts() -> Vec<HostSpec> {
    let of_pool = |pool: &str, name: &str| HostSpec { pool: pool.to_owned(), ..HostSpec::new(name) };
    NODES.iter().map(|name| of_pool(POOL, name)).chain([of_pool(SPARE, SPARE)]).collect()
}

/// The pool: two of its nodes may be out of service at once, and nobody is asked.
pub(crate) fn pool(stage: &Stage) -> Value {
    objects::pool(PoolSpec { max_unavailable: 2, ..PoolSpec::new(POOL) }, stage.login())
}

/// Applies the workloads and waits until their pods serve.
pub(crate) fn workloads(stage: &Stage) -> Result<(), E2eError> {
    let mut anywhere = deployment("api", 5, POOL);
    anywhere["spec"]["template"]["spec"]["nodeSelector"] = Value::Null;
    let items =
        [deployment("shop", 8, POOL), anywhere, daemon_set("agent"), pod_disruption_budget("shop", 3)];
    stage.apply(items)?;
    for workload in ["deployment/shop", "deployment/api", "daemonset/agent"] {
        stage.bed().kubectl(&["rollout", "status", workload, "--timeout=60s"])?;
    }
    Ok(())
}
