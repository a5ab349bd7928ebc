//! `watch`: lines as things happen, and an exit status at the end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::cluster::Cluster;

pub(crate) fn a_run_is_followed_to_its_end(cluster: &Cluster, run: &str) {
    let late = cluster.ask(&["watch", run, "--timeout", "1s"]);
    assert!(late.code == Some(1) && late.stderr.contains("is not over"), "{}", late.stderr);
    assert_eq!(cluster.ask(&["watch", "nope"]).code, Some(1));

    let mut watch = cluster.tool(&["watch", run, "--timeout", "60s"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut until = |wanted: &str| lines.by_ref().map(Result::unwrap).any(|line| line.contains(wanted));
    assert!(until(&format!("run {run} is Pending")));
    let blocker = json!({"reason": "Hold", "object": "hold/freeze", "next": "release it"});
    cluster.patch_status("repairrun", run, &json!({"phase": "Planned", "blockers": [blocker]}));
    assert!(until("waits for hold/freeze (Hold): release it"));
    cluster.patch_status("repairrun", run, &json!({"phase": "Succeeded", "blockers": []}));
    assert!(until(&format!("run {run} is Succeeded")));
    assert!(until(&format!("Run {run}: Succeeded")), "the whole run at the end");
    assert_eq!(watch.wait().unwrap().code(), Some(0));

    cluster.patch_status("repairrun", run, &json!({"phase": "Failed", "message": "web-1: no space left"}));
    let failed = cluster.ask(&["watch", run]);
    assert!(
        failed.code == Some(1) && failed.stdout.contains("is Failed: web-1: no space left"),
        "{}",
        failed.stdout
    );
}
