//! The storm breaker on a real API server: a Hold when much of a pool is not Ready, gone after a calm or by hand, whatever
//! happens to the controller in between. The nodes are plain objects: what a storm looks like is all that matters here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use nodemend_bed::host::POOL_LABEL;
use nodemend_bed::scale::PlainNodes;
use nodemend_bed::{Bed, BedConfig};
use nodemend_e2e::Stage;
use nodemend_e2e::objects::{self, API_VERSION};
use serde_json::{Value, json};

const POOL: &str = "workers";
const HOLD: &str = "storm-workers";
const NODES: usize = 10;
/// One more than the 30% that may be.
const TOO_MANY: usize = 4;
/// How long it has to be calm in this pool; a node that comes back counts for two seconds more.
const CALM: Duration = Duration::from_secs(10);
/// The planner looks at least every ten seconds.
const SOON: Duration = Duration::from_mins(1);

fn pool(name: &str) -> Value {
    let none = json!({"none": {}});
    json!({
        "apiVersion": API_VERSION, "kind": "RepairPool", "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"matchLabels": {POOL_LABEL: name}},
            "access": {"observe": none, "repair": none},
            "budget": {"maxUnavailable": 1},
            "storm": {"within": "2s", "calm": format!("{}s", CALM.as_secs())},
        },
    })
}

/// What is looked at.
struct Storm(Stage);

impl Storm {
    fn start() -> Self {
        let bed = Bed::start(&BedConfig { name: "storm".to_owned(), ..BedConfig::default() }).unwrap();
        let nodes = PlainNodes { pools: vec![POOL.to_owned()], ..PlainNodes::new(NODES) };
        nodes.start(&bed).unwrap();
        let stage = Stage::on(bed).unwrap();
        stage.install().unwrap();
        stage.apply([objects::guard(), pool(POOL)]).unwrap();
        stage.start_controller().unwrap();
        let storm = Self(stage);
        storm.pool_that("is counted", |status| status["counts"]["ready"] == NODES);
        storm
    }

    /// The first `count` nodes become what `status` says.
    fn become_(&self, count: usize, status: &str) {
        for number in 0..count {
            let condition = json!({
                "type": "Ready", "status": status, "reason": "Test", "message": "",
                "lastTransitionTime": Timestamp::now().strftime("%FT%TZ").to_string(),
            });
            let patch = json!({"status": {"conditions": [condition]}}).to_string();
            let name = PlainNodes::name(number);
            self.kubectl(&["patch", "node", &name, "--subresource=status", "--type=strategic", "-p", &patch]);
        }
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        self.0.bed().kubectl(arguments).unwrap()
    }

    fn status(&self) -> Value {
        self.0.get("repairpool", POOL).unwrap()["status"].take()
    }

    fn pool_that(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.0
            .eventually(
                &format!("a pool that {what}"),
                SOON,
                || Ok(Some(self.status()).filter(|s| wanted(s))),
            )
            .unwrap()
    }

    fn hold(&self) -> Option<Value> {
        self.0.list("holds").unwrap().into_iter().find(|hold| hold["metadata"]["name"] == HOLD)
    }

    /// The Hold and the pool's status, once both are there.
    fn held(&self) -> Value {
        self.pool_that("is in a storm", |status| status["storm"].is_object());
        self.0.eventually("a storm Hold", SOON, || Ok(self.hold())).unwrap()
    }

    /// Waits until neither the Hold nor anything of the storm is left.
    fn over(&self) {
        self.pool_that("is out of the storm", |status| status["storm"].is_null());
        self.0.eventually("no storm Hold", SOON, || Ok(self.hold().is_none().then_some(()))).unwrap();
    }

    fn told(&self, reason: &str) -> bool {
        let events = self.0.list("events.events.k8s.io").unwrap();
        events.iter().any(|event| event["regarding"]["name"] == POOL && event["reason"] == reason)
    }
}

#[test]
fn a_storm_is_held_until_it_has_been_calm_and_a_release_by_hand_stands() {
    let storm = Storm::start();
    storm.become_(TOO_MANY - 1, "False");
    storm.pool_that("has seen them", |status| status["counts"]["ready"] == NODES - TOO_MANY + 1);
    assert!(storm.hold().is_none(), "as many as may be");
    a_storm_begins(&storm);
    a_write_that_was_cut_off_is_made_good(&storm);
    a_second_storm_in_the_calm_keeps_the_hold(&storm);
    a_release_by_hand_stands(&storm);
    nothing_changes_while_no_node_is_ready(&storm);
    storm.kubectl(&["delete", "repairpool", POOL]);
    storm
        .0
        .eventually("no Hold of a pool that is gone", SOON, || Ok(storm.hold().is_none().then_some(())))
        .unwrap();
}

fn a_storm_begins(storm: &Storm) {
    storm.become_(TOO_MANY, "False");
    let hold = storm.held();
    let spec = &hold["spec"];
    assert_eq!(spec["message"], "4 of 10 nodes of pool workers not Ready, 3 may be");
    assert_eq!((&spec["heldBy"], &spec["reason"]), (&json!("nodemend"), &json!("Storm")));
    let names_it = |status: &Value| status["blockers"][0]["object"] == format!("hold/{HOLD}");
    storm.pool_that("names its Hold", names_it);
    storm.0.eventually("an event", SOON, || Ok(storm.told("Storm").then_some(()))).unwrap();
}

fn a_write_that_was_cut_off_is_made_good(storm: &Storm) {
    let before = storm.held();
    storm.0.stop_controller().unwrap();
    let gone = json!({"status": {"storm": null}}).to_string();
    storm.kubectl(&["patch", "repairpool", POOL, "--subresource=status", "--type=merge", "-p", &gone]);
    storm.0.start_controller().unwrap();
    let after = storm.held();
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    let state = &storm.status()["storm"];
    assert_eq!(state["since"], after["metadata"]["creationTimestamp"]);
    assert_eq!(state["overridden"], false);
}

fn a_second_storm_in_the_calm_keeps_the_hold(storm: &Storm) {
    let first = storm.held();
    storm.become_(TOO_MANY, "True");
    storm.pool_that("is calm", |status| status["storm"]["calmSince"].is_string());
    storm.become_(TOO_MANY, "False");
    storm.pool_that("is stormy again", |status| {
        status["storm"].is_object() && status["storm"]["calmSince"].is_null()
    });
    assert_eq!(storm.held()["metadata"]["uid"], first["metadata"]["uid"], "the same Hold");
    let calm = Instant::now();
    storm.become_(TOO_MANY, "True");
    storm.over();
    assert!(calm.elapsed() >= CALM, "calm for only {:?}", calm.elapsed());
    assert!(storm.told("StormOver"));
}

fn a_release_by_hand_stands(storm: &Storm) {
    storm.become_(TOO_MANY, "False");
    storm.held();
    storm.0.delete("hold", HOLD).unwrap();
    storm.pool_that("is overridden", |status| status["storm"]["overridden"] == true);
    storm.0.kill_controller_and_start_again().unwrap();
    // What it does with another pool shows that it has looked at this one.
    storm.0.apply([pool("other")]).unwrap();
    let other = || Ok(storm.0.get("repairpool", "other")?["status"].is_object().then_some(()));
    storm.0.eventually("a round after the start", SOON, other).unwrap();
    assert!(storm.hold().is_none() && storm.status()["storm"]["overridden"] == true);
    storm.become_(TOO_MANY, "True");
    storm.over();
    storm.become_(TOO_MANY, "False");
    storm.held();
}

fn nothing_changes_while_no_node_is_ready(storm: &Storm) {
    let before = storm.held();
    storm.become_(NODES, "Unknown");
    let blind = |status: &Value| {
        let blockers = status["blockers"].as_array();
        blockers.is_some_and(|blockers| blockers.iter().any(|blocker| blocker["reason"] == "Blind"))
    };
    let state = storm.pool_that("says that nothing can be seen", blind)["storm"].take();
    assert_eq!(storm.held()["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(state["calmSince"], Value::Null);
    storm.become_(1, "True");
}
