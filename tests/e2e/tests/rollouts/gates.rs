//! Gates: closed until somebody says yes, and what cannot be asked is closed.

use jiff::Timestamp;
use nodemend_e2e::journal::Run;
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

use crate::webhook::Webhook;
use crate::{PAIR, SOON, lend};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9/gate";

fn gate(scope: &str, url: &str) -> Value {
    json!({"scope": scope, "webhook": {"url": url}})
}

#[test]
fn gates_are_closed_until_they_say_yes() {
    let lent = lend(&PAIR, "gated", 2, &json!({}));
    let webhook = Webhook::start(&lent.bed().hub().netns).unwrap();
    let start = Timestamp::now();

    lent.set_aside("unreachable", &json!({"gates": [gate("Run", NOWHERE)]}));
    let said = |run: &Run, url: &str, why: &str| {
        let next = run.waits_for("GateClosed");
        next.contains(url) && next.contains(why)
    };
    lent.run_that("cannot ask", |run| said(run, NOWHERE, "cannot be asked"));
    lent.delete("repairrun", "unreachable").unwrap();

    let (batch, node) = (webhook.url("/batch"), webhook.url("/node"));
    lent.set_aside("gated", &json!({"batches": [1], "gates": [gate("Batch", &batch), gate("Node", &node)]}));
    lent.run_that("waits before its batch", |run| said(run, &batch, "change freeze"));
    assert!(webhook.asked("/node").is_empty(), "the batch's gate comes first");
    webhook.open("/batch");
    lent.run_that("waits before its node", |run| said(run, &node, "change freeze"));
    assert!(
        Witness::since(&lent, start)
            .unwrap()
            .cordon_changes()
            .iter()
            .all(|change| !lent.nodes.contains(&change.node.as_str()))
    );
    webhook.open("/node");
    lent.succeeded();

    let batches = webhook.asked("/batch");
    for number in 0..2 {
        assert!(batches.iter().any(|body| body["run"] == "gated" && body["batch"] == number), "{batches:?}");
    }
    let nodes = webhook.asked("/node");
    for name in lent.nodes {
        // Before the grant, and once more before its first disruptive step.
        assert!(nodes.iter().filter(|body| body["node"] == *name).count() >= 2, "{name}: {nodes:?}");
    }
    lent.eventually("no answer left to wait for", SOON, || {
        Ok(lent.runs("gated")?.iter().all(|run| run.blockers().is_empty()).then_some(()))
    })
    .unwrap();
}
