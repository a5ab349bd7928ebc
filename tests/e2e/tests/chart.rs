//! The chart as helm renders it: what depends on values, and what they may not be.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::path::{Path, PathBuf};

use nodemend_bed::{helm, process};

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/nodemend")
}

/// The whole chart as text, or why helm refuses.
fn rendered(values: &[&str]) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    let mut command = helm::command(home.path()).unwrap();
    command.args(["template", "mend", "--namespace", "elsewhere"]).arg(chart());
    for value in values {
        command.args(["--set", value]);
    }
    process::run(&mut command).map_err(|error| error.to_string())
}

#[test]
fn the_chart_is_in_order() {
    let home = tempfile::tempdir().unwrap();
    let mut command = helm::command(home.path()).unwrap();
    process::run(command.args(["lint", "--strict"]).arg(chart())).unwrap();
}

#[test]
fn values_that_are_not_known_or_make_no_sense_are_refused() {
    for value in ["replica=2", "replicas=two", "antiAffinity=never", "image.digest=latest", "metrics.port=80"]
    {
        let name = value.split(['=', '.']).next().unwrap();
        let refused = rendered(&[value]).unwrap_err();
        assert!(refused.contains(name), "{value}: {refused}");
    }
    // Nothing to be installed knows the kinds of a cluster that is not there.
    let guard = rendered(&["guard.create=true"]).unwrap_err();
    assert!(guard.contains("install the chart without it first"), "{guard}");
}

#[test]
fn a_budget_comes_with_the_second_replica_and_rights_follow_the_namespace() {
    let single = rendered(&["replicas=1"]).unwrap();
    assert!(
        !single.contains("kind: PodDisruptionBudget"),
        "it would block the drain of the only one for ever"
    );
    let pair = rendered(&["replicas=2"]).unwrap();
    assert!(pair.contains("kind: PodDisruptionBudget") && pair.contains("minAvailable: 1"));
    assert!(pair.contains("namespace: \"elsewhere\"") && !pair.contains("nodemend-system"));
}

#[test]
fn a_digest_counts_before_a_tag() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let value = format!("image.digest={digest}");
    let text = rendered(&["image.repository=example.test/mend", "image.tag=v1", &value]).unwrap();
    assert!(text.contains(&format!("image: \"example.test/mend@{digest}\"")));
    let tagged = rendered(&["image.repository=example.test/mend", "image.tag=v1"]).unwrap();
    assert!(tagged.contains("image: \"example.test/mend:v1\""));
}
