//! What is asked of a real API server without any host: what is in the way of a drain, and whose a node is.
//!
//! Everything is done with the rights that the controller is given, so that a missing one is found.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod answers;
mod bare;
mod classes;
mod leases;
mod preflight;
mod requests;
mod rig;

use rig::Rig;

/// One control plane for all: starting one takes longer than all the questions.
#[test]
fn questions_to_a_real_api_server() {
    let rig = Rig::start();
    preflight::what_is_in_the_way_of_a_drain_is_named_before_the_cordon(&rig);
    leases::a_node_under_repair_is_leased(&rig);
    requests::a_drain_asks_once_per_pod_and_little_more(&rig);
    classes::each_class_of_pod_is_treated_as_kubectl_does(&rig);
    answers::every_answer_to_an_eviction_is_understood(&rig);
}
