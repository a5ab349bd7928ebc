//! A second run: hosts as they were made, and no trace of the run before, however that ended.

use std::time::Duration;

use nodemend_bed::host::Host;
use nodemend_e2e::{E2eError, Stage};

/// Kinds whose objects belong to a run. The guard stays: its epoch must not go back.
const OF_A_RUN: [&str; 6] =
    ["repairpolicies", "repairpools", "repairruns", "remediations", "planpages", "diagnosisreports"];
/// Annotations that a held node carries.
const MARKS: [&str; 3] = ["nodemend.dev/cordon-", "nodemend.dev/message-", "nodemend.dev/next-"];
/// A reset host is a Ready node after about ten seconds.
const BACK: Duration = Duration::from_mins(1);

/// Puts everything back.
pub(crate) fn put_back(stage: &Stage) -> Result<(), E2eError> {
    forget_runs(stage)?;
    let hosts = stage.bed().hosts();
    std::thread::scope(|scope| {
        let resets: Vec<_> = hosts.iter().map(|host| scope.spawn(|| host.reset())).collect();
        // A panic of another thread is passed on.
        resets.into_iter().try_for_each(|reset| {
            reset.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(E2eError::from)
        })
    })?;
    stage.eventually("hosts that are Ready nodes again", BACK, || {
        let ready = stage.bed().ready_nodes()?;
        for host in hosts {
            if !ready.contains(host.name()) || !is_known_anew(stage, host)? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
}

/// Whether the node object speaks of the host's present boot.
fn is_known_anew(stage: &Stage, host: &Host) -> Result<bool, E2eError> {
    Ok(stage.get("node", host.name())?["status"]["nodeInfo"]["bootID"] == host.boot_id()?.as_str())
}

/// Pods are made anew too: drains have left them unevenly spread. Nobody else takes the finalizers away: the controller is not running.
fn forget_runs(stage: &Stage) -> Result<(), E2eError> {
    let bed = stage.bed();
    bed.kubectl(&["delete", "deployments", "--all", "--wait=false"])?;
    for kind in OF_A_RUN {
        for object in stage.list(kind)? {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            if object["metadata"]["finalizers"].is_array() {
                let none = r#"{"metadata":{"finalizers":null}}"#;
                bed.kubectl(&["patch", kind, name, "--type=merge", "-p", none])?;
            }
            bed.kubectl(&["delete", kind, name, "--ignore-not-found"])?;
        }
    }
    for host in bed.hosts() {
        bed.kubectl(&["uncordon", host.name()])?;
        bed.kubectl(&[&["annotate", "node", host.name()][..], &MARKS].concat())?;
    }
    Ok(())
}
