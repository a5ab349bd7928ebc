//! Lifting a cordon of ours without a saga: of a repair that is gone, or whose controller is.

use kube::Client;
use nodemend_core::cordon::CordonMark;
use nodemend_core::ids::{NodeName, NodeUid};
use nodemend_core::op::OpResult;

use super::Cluster;
use crate::limits::Limits;

/// Puts the node back to what its mark says that it was, in one guarded patch, and gives its Lease back. Only where the
/// mark is this one: a cordon of somebody else, or of another repair, is left alone.
pub async fn lift(client: &Client, node: &NodeName, uid: &NodeUid, mark: &CordonMark) -> OpResult {
    let cluster = Cluster::new(client.clone(), Limits::default());
    cluster.lift(node, uid, mark).await.unwrap_or_else(OpResult::from)
}
