//! PlanPage: one page of a run's plan, so that a plan of thousands of nodes never meets etcd's size limit.

use kube::CustomResource;
use nodemend_core::ids::RunUid;
use nodemend_core::plan::Page;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One page of one run's plan.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "nodemend.dev",
    version = "v1alpha1",
    kind = "PlanPage",
    plural = "planpages",
    category = "nodemend",
    derive = "PartialEq",
    doc = "One page of a run's plan: page 0 says what is done, the others to which nodes. Immutable.",
    validation = Rule::new("self.spec == oldSelf.spec").message("a page of a plan is immutable"),
    printcolumn(name = "Run", type_ = "string", json_path = ".spec.runRef"),
    printcolumn(name = "Page", type_ = "integer", json_path = ".spec.index"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.runRef"
)]
#[serde(rename_all = "camelCase")]
pub struct PlanPageSpec {
    /// Name of the run.
    #[schemars(length(min = 1, max = 253))]
    pub run_ref: String,
    /// UID of the run: a run made again under the same name is another run.
    #[serde(rename = "runUID")]
    pub run_uid: RunUid,
    /// Which page, from 0.
    pub index: u32,
    /// The page.
    pub page: Page,
}
