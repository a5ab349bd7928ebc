//! Rates and budgets of zones.

use jiff::{SignedDuration, Timestamp};
use nodemend_e2e::journal::time;
use nodemend_e2e::witness::Witness;
use serde_json::json;

use crate::{PAIR, lend};

const PER: SignedDuration = SignedDuration::from_secs(30);

#[test]
fn no_more_nodes_are_started_than_a_rate_allows_though_the_controller_is_killed() {
    let rate = json!({"nodes": 1, "per": format!("{}s", PER.as_secs())});
    let lent = lend(&PAIR, "rated", 2, &json!({"budget": {"maxUnavailable": 2, "rate": rate}}));
    let start = Timestamp::now();
    lent.set_aside("rated", &json!({}));
    let run = lent.run_that("waits for the rate", |run| run.blocker("Rate").is_some());
    assert!(run.waits_for("Rate").contains("1 nodes started within 30s, 1 may be"), "{}", run.summary());
    lent.kill_controller_and_start_again().unwrap();
    lent.succeeded();
    // As the pool counted them, and as the API server saw the second one begin.
    let starts = lent.get("repairpool", "rated").unwrap()["status"]["starts"].take();
    let starts: Vec<_> = starts.as_array().unwrap().iter().filter_map(|start| time(&start["at"])).collect();
    assert_eq!(starts.len(), 2, "{starts:?}");
    let allowed = starts[0] + PER;
    assert!(starts[1] >= allowed, "{starts:?}");
    let mut cordons = Witness::since(&lent, start).unwrap().cordon_changes();
    cordons.retain(|change| change.cordoned && lent.nodes.contains(&change.node.as_str()));
    assert!(cordons.len() == 2 && cordons[1].at >= allowed, "{cordons:?}");
}

#[test]
fn a_zone_has_a_limit_of_its_own() {
    let budget = json!({"maxUnavailable": 2, "perZone": {"maxUnavailable": 1}});
    let lent = lend(&PAIR, "zoned", 2, &json!({"budget": budget}));
    let start = Timestamp::now();
    lent.set_aside("zoned", &json!({}));
    let run = lent.run_that("waits for the zone", |run| run.blocker("ZoneBudget").is_some());
    assert!(run.waits_for("ZoneBudget").contains("pair"), "{}", run.summary());
    lent.succeeded();
    assert_eq!(Witness::since(&lent, start).unwrap().most_cordoned_at_once(lent.nodes), 1);
    let journals = lent.journals("zoned").unwrap();
    assert!(!journals[0].overlaps(&journals[1]), "{}\n{}", journals[0].summary(), journals[1].summary());
}
