//! Nodes that others take away in the middle of a run.

use jiff::Timestamp;
use nodemend_bed::workloads::{deployment, pod_disruption_budget};
use nodemend_e2e::journal::Journal;
use nodemend_e2e::objects;
use nodemend_e2e::witness::Witness;
use serde_json::json;

use crate::{Lent, OVER, PAIR, SOON, lend};

/// What the cluster autoscaler sets on a node before it takes the machine away.
const TAINT: &str = "ToBeDeletedByClusterAutoscaler=now:NoSchedule";
const FIRST: &str = "pair-1";
const SECOND: &str = "pair-2";

/// Both nodes; whatever became of them, they are new ones for the next test.
struct Replaceable(Lent);

impl Replaceable {
    fn uid(&self, node: &str) -> String {
        self.0.get("node", node).unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    fn delete(&self, node: &str) {
        self.0.bed().kubectl(&["delete", "node", node, "--timeout=30s"]).unwrap();
    }

    /// Deletes the node and has its kubelet register it anew, which it does when it starts.
    fn replace(&self, node: &str) {
        let before = self.uid(node);
        self.delete(node);
        self.0.host(node).unwrap().run_checked("systemctl restart kubelet").unwrap();
        self.0.eventually("a registered node", SOON, || Ok(self.0.get("node", node).ok())).unwrap();
        assert_ne!(self.uid(node), before, "another machine under the same name");
    }
}

impl Drop for Replaceable {
    fn drop(&mut self) {
        for node in self.0.nodes {
            // What does not come back fails the next test, with all that is known.
            let _ = self.0.bed().kubectl(&["delete", "node", node, "--ignore-not-found", "--timeout=30s"]);
            let _ = self.0.host(node).map(|host| host.run("systemctl restart kubelet"));
            let _ = self.0.eventually("a registered node", SOON, || Ok(self.0.get("node", node).ok()));
        }
    }
}

#[test]
fn a_node_that_the_autoscaler_takes_away_is_left_to_it() {
    let nodes = Replaceable(lend(&PAIR, "marked", 2, &json!({})));
    let lent = &nodes.0;
    let start = Timestamp::now();
    lent.apply([objects::hold("not-yet", &json!({"pool": {"name": "marked"}}))]).unwrap();
    lent.set_aside("marked", &json!({"batches": [1]}));
    lent.run_that("is planned", |run| run.blocker("Hold").is_some());
    lent.bed().kubectl(&["taint", "node", SECOND, TAINT]).unwrap();
    lent.delete("hold", "not-yet").unwrap();

    let run = lent.run_that("names the mark", |run| run.blocker("Leaving").is_some());
    assert_eq!(run.0["status"]["nodes"], "r.", "{}", run.summary());
    assert_eq!(run.blocker("Leaving").unwrap()["object"], format!("node/{SECOND}"));
    assert!(run.waits_for("Leaving").contains("ToBeDeletedByClusterAutoscaler"), "{}", run.summary());
    lent.a_while();
    nodes.delete(SECOND);
    assert_eq!(lent.succeeded().0["status"]["nodes"], "rs", "{}", lent.situation());
    assert!(!Witness::since(lent, start).unwrap().cordoned(SECOND), "it was left alone");
}

#[test]
fn a_node_that_goes_or_becomes_another_machine_in_the_middle_of_a_run_does_not_keep_it() {
    let nodes = Replaceable(lend(&PAIR, "replaced", 2, &json!({})));
    let lent = &nodes.0;
    let start = Timestamp::now();
    // The first node is being drained until it goes.
    let mut precious = deployment("precious", 1, "replaced");
    precious["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": FIRST});
    lent.apply([precious, pod_disruption_budget("precious", 0)]).unwrap();
    lent.bed().kubectl(&["rollout", "status", "deployment/precious", "--timeout=60s"]).unwrap();
    lent.set_aside("replaced", &json!({"batches": [1]}));
    let waits = |reason: &str| {
        let journals = lent.journals("replaced")?;
        let blockers = journals.iter().flat_map(Journal::blockers);
        Ok(blockers.into_iter().any(|blocker| blocker["reason"] == reason).then_some(()))
    };
    lent.eventually("a node whose pod may not go", OVER, || waits("PodDisruptionBudget")).unwrap();
    nodes.replace(SECOND);
    nodes.delete(FIRST);

    let run = lent.succeeded();
    assert_eq!(run.0["status"]["nodes"], "sx", "{}", run.summary());
    assert!(!Witness::since(lent, start).unwrap().cordoned(SECOND), "the new machine was not asked about");
    lent.delete("deployment", "precious").unwrap();
    lent.delete("pdb", "precious").unwrap();
}
