//! The API server's audit log: a witness of what anyone did to the cluster, independent of what the actors say.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::{Value, json};

/// What is recorded: the request bodies of changes to nodes and of evictions, who did what for the rest.
///
/// Leases of kubelets are left out: thousands of nodes renew them all the time, and they tell nothing.
/// Only completed requests are recorded, so that a request has one line (a watch has two, with one `auditID`).
pub(crate) fn policy() -> String {
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"], "omitManagedFields": true,
        "rules": [
            {"level": "None", "namespaces": ["kube-node-lease"], "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "Request", "verbs": ["patch", "update"], "resources": [{"group": "", "resources": ["nodes"]}]},
            {"level": "Request", "verbs": ["create"], "resources": [{"group": "", "resources": ["pods/eviction"]}]},
            {"level": "Metadata"},
        ],
    })
    .to_string()
}

/// The events recorded so far, oldest first. A last line that is still being written is left out.
pub fn events(log: &Path) -> io::Result<Vec<Value>> {
    let text = fs::read_to_string(log)?;
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

/// The same for a log that is too large to be kept in memory: `take` is given each event in turn.
pub fn each_event(log: &Path, mut take: impl FnMut(Value)) -> io::Result<()> {
    let mut log = BufReader::new(File::open(log)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        log.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        take(serde_json::from_slice(&line)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_being_written_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        fs::write(&log, "{\"verb\":\"patch\"}\n{\"verb\":\"ge").unwrap();
        let events = events(&log).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["verb"], "patch");
        let mut seen = Vec::new();
        each_event(&log, |event| seen.push(event)).unwrap();
        assert_eq!(seen, events);
    }
}
