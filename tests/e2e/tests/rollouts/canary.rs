//! A canary, its soak, and the batch after it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use nodemend_e2e::witness::Witness;
use serde_json::json;

use crate::{Lent, OVER, SIX, lend};

const SOAK: SignedDuration = SignedDuration::from_secs(15);

#[test]
fn a_canary_is_watched_before_the_others_begin_and_a_restart_does_not_begin_the_watch_anew() {
    let lent = lend(&SIX, "canary", 4, &json!({"budget": {"maxUnavailable": 3}}));
    let start = Timestamp::now();
    let soak = format!("{}s", SOAK.as_secs());
    lent.set_aside("canary", &json!({"canary": {"nodes": 1, "soak": soak}, "batches": [3]}));
    let soaking = lent.run_that("watches its canary", |run| run.blocker("Soak").is_some());
    let mut since = BTreeSet::from([soaking.0["status"]["soakingSince"].to_string()]);
    lent.kill_controller_and_start_again().unwrap();
    let run = lent.eventually("the end of the run", OVER, || {
        let run = lent.runs("canary")?.remove(0);
        since.extend(run.0["status"].get("soakingSince").map(ToString::to_string));
        Ok(run.is_over().then_some(run))
    });
    let run = run.unwrap();
    assert_eq!((run.phase(), &run.0["status"]["nodes"]), ("Succeeded", &json!("rrrr")), "{}", run.summary());
    assert_eq!(since.len(), 1, "the soak was begun anew: {since:?}");
    the_others_began_after_it(&lent, start);
}

fn the_others_began_after_it(lent: &Lent, start: Timestamp) {
    let witness = Witness::since(lent, start).unwrap();
    let mut cordons = witness.cordon_changes();
    cordons.retain(|change| change.cordoned && lent.nodes.contains(&change.node.as_str()));
    assert_eq!(cordons.len(), 4, "{cordons:?}");
    let journals = lent.journals("canary").unwrap();
    let canary = journals.iter().find(|journal| journal.node() == cordons[0].node).unwrap();
    let watched_until = canary.times().unwrap().1 + SOAK;
    let early: Vec<_> = cordons[1..].iter().filter(|cordon| cordon.at < watched_until).collect();
    assert!(early.is_empty(), "watched until {watched_until}: {early:?}");
    assert!(witness.most_cordoned_at_once(lent.nodes) > 1, "the batch goes side by side: {cordons:?}");
}
