//! Runs that are over are kept by count, and forgotten then; what is not over stays.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nodemend_bed::scale::PlainNodes;
use nodemend_bed::{Bed, BedConfig};
use nodemend_e2e::Stage;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects::{self, API_VERSION};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);
/// What the controller is told to keep of each pool.
const KEPT: usize = 2;

#[test]
fn runs_that_are_over_are_forgotten_and_open_ones_stay() {
    // Nothing is done to a host here: the plain node is there for its login.
    let config = BedConfig { name: "history".to_owned(), ..BedConfig::default() };
    let bed = Bed::start(&config).unwrap();
    let _nodes = PlainNodes::new(1).start(&bed).unwrap();
    let stage = Stage::on(bed).unwrap().with_options(&["--keep-runs", "2"]);
    stage.install().unwrap();
    stage.apply([objects::guard()]).unwrap();
    let now = Timestamp::now();
    // Its pool is not there: it waits for as long as that is so.
    stage.apply([run("open", now + SignedDuration::from_hours(1))]).unwrap();
    let late = ["late-1", "late-2", "late-3", "late-4", "late-5"];
    stage.apply(late.map(|name| run(name, now - SignedDuration::from_hours(1)))).unwrap();
    stage.start_controller().unwrap();
    let only_the_kept = || {
        let runs = stage.runs("web")?;
        let over = runs.iter().filter(|run| run.phase() == "Expired").count();
        Ok((runs.len() == KEPT + 1 && over == KEPT).then_some(runs))
    };
    let runs = stage.eventually("as many runs as are kept", SOON, only_the_kept).unwrap();
    assert!(runs.iter().any(|run| run.name() == "open" && !run.is_over()), "{}", stage.situation());
    let newest = |runs: &[Run]| runs.iter().map(|run| run.name().to_owned()).collect::<Vec<_>>();
    stage.apply([run("late-6", now - SignedDuration::from_hours(1))]).unwrap();
    let changed = || {
        let now = stage.runs("web")?;
        let over = now.iter().filter(|run| run.phase() == "Expired").count();
        let has_it = now.iter().any(|run| run.name() == "late-6" && run.is_over());
        Ok((has_it && over == KEPT).then(|| newest(&now)))
    };
    let left = stage.eventually("the oldest to make room", SOON, changed).unwrap();
    assert!(left.contains(&"open".to_owned()), "{left:?}");
}

/// A run by hand that has to begin before a time.
fn run(name: &str, start_before: Timestamp) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "RepairRun", "metadata": {"name": name},
        "spec": {
            "pool": "web", "playbook": "restart-kubelet", "version": "1.0.0", "nodes": {"named": {"names": ["a"]}},
            "requestedBy": "tester", "startBefore": start_before.to_string(),
        },
    })
}
