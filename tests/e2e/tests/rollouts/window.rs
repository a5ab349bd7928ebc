//! A closed window starts nothing; a pause lets the node under way end and starts no other.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use nodemend_bed::process;
use nodemend_e2e::program;
use nodemend_e2e::witness::Witness;
use serde_json::json;

use crate::{Lent, PAIR, lend};

/// Until the next window opens.
const AWAY: SignedDuration = SignedDuration::from_hours(6);

fn operator(lent: &Lent, arguments: &[&str]) -> String {
    let mut command: Command = program::command(lent.bed().admin_kubeconfig()).unwrap();
    process::run(command.args(arguments)).unwrap()
}

fn cordoned(lent: &Lent, start: Timestamp) -> Vec<&'static str> {
    let witness = Witness::since(lent, start).unwrap();
    lent.nodes.iter().copied().filter(|node| witness.cordoned(node)).collect()
}

#[test]
fn nothing_starts_outside_of_a_window_and_a_pause_lets_the_node_under_way_end() {
    let opens = (Timestamp::now() + AWAY).strftime("%H:%M").to_string();
    let lent = lend(&PAIR, "windowed", 2, &json!({"windows": [{"start": opens, "duration": "1h"}]}));
    let start = Timestamp::now();
    lent.set_aside("windowed", &json!({"batches": [1]}));
    let run = lent.run_that("waits for the window", |run| run.blocker("Window").is_some());
    let blocker = run.blocker("Window").unwrap();
    let until: Timestamp = blocker["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.strftime("%H:%M").to_string(), opens, "{blocker}");
    assert!(run.waits_for("Window").contains(&format!("{opens}:00")), "{blocker}");
    lent.a_while();
    assert!(cordoned(&lent, start).is_empty());

    lent.change_pool(&json!({"windows": null}));
    lent.eventually("a node under way", crate::OVER, || {
        Ok(lent.journals("windowed")?.iter().any(|journal| journal.step("cordon") == "Started").then_some(()))
    })
    .unwrap();
    operator(&lent, &["pause", "--pool", "windowed", "--reason", "lunch"]);
    let ended = lent.run_that("has ended its node", |run| run.0["status"]["counts"]["repaired"] == 1);
    assert_eq!(cordoned(&lent, start).len(), 1, "{}", ended.summary());
    lent.run_that("names the pause", |run| run.waits_for("Hold").contains("lunch"));
    lent.a_while();
    assert_eq!(cordoned(&lent, start).len(), 1, "paused: {}", lent.situation());

    operator(&lent, &["resume", "--pool", "windowed"]);
    lent.succeeded();
    assert_eq!(cordoned(&lent, start).len(), 2);
}
