//! The API server's audit log: a witness of what anyone did to the cluster, independent of what the actors say.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

/// What is recorded: the request bodies of changes to nodes and of evictions, who did what for the rest.
///
/// Only completed requests are recorded, so that a request has one line (a watch has two, with one `auditID`).
pub(crate) fn policy() -> String {
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"], "omitManagedFields": true,
        "rules": [
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
    }
}
