//! Nodes that others take away in the middle of a run.

use jiff::Timestamp;
use nodemend_bed::workloads::{deployment, pod_disruption_budget};
use nodemend_e2e::witness::Witness;
use serde_json::json;

use crate::{Lent, OVER, PAIR, SOON, lend};

/// What the cluster autoscaler sets.
const TAINT: &str = "ToBeDeletedByClusterAutoscaler=now:NoSchedule";

impl Lent {
    fn uid(&self, node: &str) -> String {
        self.get("node", node).unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    fn delete_node(&self, node: &str) {
        self.bed().kubectl(&["delete", "node", node, "--timeout=30s"]).unwrap();
    }

    /// A kubelet registers its node when it starts.
    fn register(&self, node: &str) {
        self.host(node).unwrap().run_checked("systemctl restart kubelet").unwrap();
        self.eventually("a registered node", SOON, || Ok(self.get("node", node).ok())).unwrap();
    }
}

#[test]
fn nodes_that_are_marked_gone_or_replaced_are_left_alone_and_the_run_ends() {
    let lent = lend(&PAIR, "leaving", 2, &json!({}));
    let (first, second) = ("pair-1", "pair-2");
    let start = Timestamp::now();
    // Keeps the first node from being begun until all is prepared.
    let mut precious = deployment("precious", 1, "leaving");
    precious["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": first});
    lent.apply([precious, pod_disruption_budget("precious", 0)]).unwrap();
    lent.bed().kubectl(&["rollout", "status", "deployment/precious", "--timeout=60s"]).unwrap();
    lent.set_aside("leaving", &json!({"batches": [1]}));
    let waits_for = |reason: &'static str| {
        lent.journal_that(first, &format!("waits for {reason}"), OVER, move |journal| {
            journal.run() == "leaving" && journal.blockers().iter().any(|blocker| blocker["reason"] == reason)
        })
    };
    waits_for("PodDisruptionBudget").unwrap();

    let before = lent.uid(second);
    lent.delete_node(second);
    lent.register(second);
    assert_ne!(lent.uid(second), before, "another machine under the same name");
    lent.bed().kubectl(&["taint", "node", first, TAINT]).unwrap();
    waits_for("Leaving").unwrap();
    lent.delete("deployment", "precious").unwrap();
    lent.delete("pdb", "precious").unwrap();
    lent.delete_node(first);

    let run = lent.succeeded();
    assert_eq!(run.0["status"]["nodes"], "sx", "{}", run.summary());
    let witness = Witness::since(&lent, start).unwrap();
    assert!(!lent.nodes.iter().any(|node| witness.cordoned(node)), "{:?}", witness.cordon_changes());
    lent.register(first);
}
