//! What a look at a node leads to.

use super::*;

fn mark(remediation: &str) -> CordonMark {
    CordonMark {
        remediation: remediation.into(),
        run: "run-1".into(),
        run_uid: "uid-1".into(),
        since: nodemend_core::time::Time(0),
        was_unschedulable: false,
        changes_host: false,
    }
}

fn node(unschedulable: bool, annotation: Option<&str>) -> Node {
    let annotations = annotation.map(|text| json!({ CORDON_ANNOTATION: text }));
    serde_json::from_value(json!({
        "metadata": { "name": "node-1", "annotations": annotations },
        "spec": { "unschedulable": unschedulable },
    }))
    .unwrap()
}

fn marked(unschedulable: bool, mark: &CordonMark) -> Node {
    node(unschedulable, Some(&serde_json::to_string(mark).unwrap()))
}

fn patch(step: Result<Step, Failed>) -> (Value, OpResult) {
    match step {
        Ok(Step::Patch(patch, result)) => (patch, result),
        Ok(Step::Done(result)) => panic!("nothing is written: {result:?}"),
        Err(failed) => panic!("{failed:?}"),
    }
}

fn refusal(step: Result<Step, Failed>) -> String {
    match step {
        Err(failed) => failed.into_failure().reason,
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn a_cordon_records_the_state_before_it() {
    for before in [false, true] {
        let (patch, result) = patch(cordon_step(&node(before, None), &mark("a")));
        assert_eq!(patch["spec"], json!({ "unschedulable": true }));
        let OpResult::Cordoned(done) = result else { panic!("{result:?}") };
        assert_eq!(done, CordonMark { was_unschedulable: before, ..mark("a") });
        let written = patch["metadata"]["annotations"][CORDON_ANNOTATION].as_str().unwrap();
        assert_eq!(serde_json::from_str::<CordonMark>(written).unwrap(), done);
        let next = patch["metadata"]["annotations"][NEXT_ANNOTATION].as_str().unwrap();
        assert_eq!(next.contains("kubectl uncordon node-1"), !before, "{next}");
    }
}

#[test]
fn a_cordon_of_ours_is_recognised_and_one_of_others_is_left() {
    let ours = CordonMark { was_unschedulable: true, ..mark("a") };
    let step = cordon_step(&marked(true, &ours), &mark("a"));
    assert!(matches!(step, Ok(Step::Done(OpResult::Cordoned(found))) if found == ours));
    assert_eq!(refusal(cordon_step(&marked(true, &mark("b")), &mark("a"))), "CordonedByAnother");
    assert_eq!(refusal(cordon_step(&marked(false, &mark("a")), &mark("a"))), "UncordonedByAnother");
    assert_eq!(refusal(cordon_step(&node(true, Some("rubbish")), &mark("a"))), "CordonUnreadable");
}

#[test]
fn an_uncordon_goes_back_to_the_state_before() {
    let (patch_of_ours, _) = patch(uncordon_step(&marked(true, &mark("a")), &mark("a")));
    assert_eq!(patch_of_ours["spec"], json!({ "unschedulable": null }));
    assert_eq!(patch_of_ours["metadata"]["annotations"][CORDON_ANNOTATION], Value::Null);
    let cordoned_before = CordonMark { was_unschedulable: true, ..mark("a") };
    let (kept, _) = patch(uncordon_step(&marked(true, &cordoned_before), &mark("a")));
    assert_eq!(kept.get("spec"), None);
    let (lifted_by_hand, _) = patch(uncordon_step(&marked(false, &cordoned_before), &mark("a")));
    assert_eq!(lifted_by_hand.get("spec"), None);
}

#[test]
fn an_uncordon_touches_no_cordon_of_others() {
    assert!(matches!(uncordon_step(&node(true, None), &mark("a")), Ok(Step::Done(OpResult::Uncordoned))));
    assert_eq!(refusal(uncordon_step(&marked(true, &mark("b")), &mark("a"))), "CordonedByAnother");
}

#[test]
fn what_was_written_for_a_person_goes_though_nothing_was_cordoned() {
    let told: Node = serde_json::from_value(json!({
        "metadata": { "name": "node-1", "annotations": { MESSAGE_ANNOTATION: "held", NEXT_ANNOTATION: "look" } },
        "spec": { "unschedulable": true },
    }))
    .unwrap();
    let (patch, result) = patch(uncordon_step(&told, &mark("a")));
    let gone = json!({ MESSAGE_ANNOTATION: null, NEXT_ANNOTATION: null });
    assert_eq!(patch, json!({ "metadata": { "annotations": gone } }), "somebody else's cordon stays");
    assert_eq!(result, OpResult::Uncordoned);
}
