//! What the controller hears, and what the API server hears, at each fault.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use nodemend_proxy::plan::When;
use nodemend_proxy::{Fault, Plan, Request};
use serde_json::json;

use crate::behind::Way;

const NODE: &str = "/api/v1/nodes/a";

/// The second patch of a node meets the fault.
fn at_second_patch(fault: Fault) -> Plan {
    Plan::at(&Request::of(&Method::PATCH, &NODE.parse().unwrap()), 2, fault)
}

/// The answers to three patches, by their status; 0 is none. And how many of them the server got.
async fn three_patches(way: &Way) -> (Vec<u16>, usize) {
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = way.ask(Method::PATCH, NODE).await;
        statuses.push(answer.map_or(0, |answer| answer.status.as_u16()));
    }
    (statuses, way.asked().len())
}

#[tokio::test]
async fn a_request_that_is_dropped_has_reached_the_server_or_not() {
    let before = Way::with("drop-before", at_second_patch(Fault::Drop(When::Before))).await;
    assert_eq!(three_patches(&before).await, (vec![200, 0, 200], 2));
    let after = Way::with("drop-after", at_second_patch(Fault::Drop(When::After))).await;
    assert_eq!(three_patches(&after).await, (vec![200, 0, 200], 3));
}

#[tokio::test]
async fn the_controller_is_killed_before_or_after_and_gets_no_answer() {
    let before = Way::with("kill-before", at_second_patch(Fault::Kill(When::Before))).await;
    assert_eq!(three_patches(&before).await, (vec![200, 0, 200], 2));
    let after = Way::with("kill-after", at_second_patch(Fault::Kill(When::After))).await;
    assert_eq!(three_patches(&after).await, (vec![200, 0, 200], 3));
    assert_eq!((before.kills.load(Ordering::SeqCst), after.kills.load(Ordering::SeqCst)), (1, 1));
    assert!(before.engine.has_acted());
}

#[tokio::test]
async fn the_proxy_answers_itself_instead_of_the_server_or_over_it() {
    for code in [409, 410, 429, 500, 504] {
        let before = at_second_patch(Fault::Answer { code, when: When::Before });
        let before = Way::with(&format!("answer-{code}"), before).await;
        assert_eq!(three_patches(&before).await, (vec![200, code, 200], 2));
        let after = at_second_patch(Fault::Answer { code, when: When::After });
        let after = Way::with(&format!("answer-{code}-after"), after).await;
        assert_eq!(three_patches(&after).await, (vec![200, code, 200], 3));
    }
}

#[tokio::test]
async fn a_forged_answer_is_that_of_a_dry_run() {
    let way = Way::with("forge", at_second_patch(Fault::Forge)).await;
    assert_eq!(three_patches(&way).await, (vec![200; 3], 3));
    assert_eq!(way.asked()[1], format!("PATCH {NODE}?dryRun=All"));
}

#[tokio::test]
async fn a_request_that_hangs_ends_without_an_answer() {
    let way = Way::with("hang", at_second_patch(Fault::Hang { when: When::After, seconds: 1 })).await;
    let started = Instant::now();
    assert_eq!(three_patches(&way).await, (vec![200, 0, 200], 3));
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_stale_list_is_the_oldest_answer_to_the_same_question() {
    let list = Request::of(&Method::GET, &"/api/v1/nodes".parse().unwrap());
    let way = Way::with("stale", Plan::at(&list, 3, Fault::StaleList)).await;
    let mut counts = Vec::new();
    for path in ["/api/v1/nodes?limit=5", "/api/v1/nodes?limit=5", "/api/v1/nodes?limit=5&resourceVersion=0"]
    {
        let answer = way.ask(Method::GET, path).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        counts.push(answer.object);
    }
    assert_eq!(counts, [json!({"count": 1}), json!({"count": 2}), json!({"count": 1})]);
}

#[tokio::test]
async fn everything_that_passes_is_in_the_log_in_order() {
    let way = Way::with("log", Plan::default()).await;
    for (method, path) in [(Method::GET, NODE), (Method::PATCH, NODE), (Method::GET, "/api/v1/nodes")] {
        way.ask(method, path).await.unwrap();
    }
    let verbs: Vec<_> = way.engine.seen().into_iter().map(|seen| seen.request.verb).collect();
    assert_eq!(verbs, ["get", "patch", "list"]);
}
