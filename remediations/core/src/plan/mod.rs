//! The plan of a run: everything written down before anything is done.

pub mod build;
mod host;
mod order;
pub mod page;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Evidence;
use crate::ids::{CheckId, Digest, NodeName, NodeUid};
use crate::playbook::{Playbook, Step};
use crate::rollout::Rollout;

/// Version of the plan's form; part of its digest.
pub const FORMAT_VERSION: u32 = 2;
/// Nodes per page: keeps every object far below etcd's limit (256 nodes are about 70 KB).
pub const PAGE_SIZE: usize = 256;

/// One node of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedNode {
    /// Its name when the plan was made.
    pub name: NodeName,
    /// Its UID: the same name with another UID is another machine and is left alone.
    pub uid: NodeUid,
    /// `spec.providerID`.
    #[serde(default, rename = "providerID", skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// Why it is to be repaired; empty when a person named it without a finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub evidence: Vec<Evidence>,
    /// The batch it belongs to, from 0.
    pub batch: u32,
}

impl PlannedNode {
    /// The checks that failed on it.
    pub fn checks(&self) -> impl Iterator<Item = &CheckId> {
        self.evidence.iter().map(|evidence| &evidence.check)
    }
}

/// Page 0: what is done to each node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The playbook as it was.
    pub playbook: Playbook,
    /// Digest of the playbook's canonical form.
    pub playbook_digest: Digest,
    /// Parameters as they were set.
    pub parameters: BTreeMap<String, String>,
    /// The steps with every parameter filled in, `confirm` first.
    #[schemars(length(max = 33))]
    pub steps: Vec<Step>,
    /// How the run spreads.
    pub rollout: Rollout,
}

/// One page of a plan: page 0 has the header and no nodes, the others nodes and no header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// What is done; on page 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// To which nodes; on every other page, in the order in which they are started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub nodes: Vec<PlannedNode>,
}
