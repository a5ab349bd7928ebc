//! What a host is before and after, seen from outside: its package database, PID 1, kernel, node object and kubelet.

use jiff::Timestamp;
use nodemend_bed::host::Host;
use serde_json::Value;

use crate::journal::time;
use crate::{E2eError, Stage};

/// A host at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostState {
    /// What the package database says, `VERSION-RELEASE`.
    pub package: String,
    /// What PID 1 executes; marked when its file is not there any more.
    pub running: String,
    /// The kernel's boot id.
    pub boot_id: String,
}

impl HostState {
    /// Looks at a host, whatever state its PID 1 is in.
    pub fn of(host: &Host) -> Result<Self, E2eError> {
        let running = host.running_systemd()?;
        let version = running.version.unwrap_or_else(|| "unknown".to_owned());
        let running = if running.deleted { format!("{version} (deleted)") } else { version };
        Ok(Self { package: host.installed_systemd()?, running, boot_id: host.boot_id()? })
    }
}

/// A node object at one moment, as far as repairs touch it. The default is a node that shows no trace of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeState {
    /// Whether anybody has cordoned it.
    pub cordoned: bool,
    /// Annotations of ours.
    pub annotations: Vec<String>,
}

impl NodeState {
    /// Reads a node.
    pub fn of(stage: &Stage, node: &str) -> Result<Self, E2eError> {
        let object = stage.get("node", node)?;
        let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
        Ok(Self {
            cordoned: object["spec"]["unschedulable"] == true,
            annotations: annotations
                .filter(|(key, _)| key.starts_with("nodemend.dev/"))
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
        })
    }
}

/// The kubelet's own report that its machine was restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebooted {
    /// When it was reported, to the second.
    pub at: Timestamp,
    /// The boot id that it names.
    pub boot_id: String,
}

/// What a node's kubelet reported since `start`, oldest first: one for each restart of the machine.
pub fn reboots(stage: &Stage, node: &str, start: Timestamp) -> Result<Vec<Rebooted>, E2eError> {
    let mut reboots: Vec<_> = stage
        .list("events")?
        .iter()
        .filter(|event| event["reason"] == "Rebooted" && event["involvedObject"]["name"] == node)
        .filter_map(rebooted)
        .filter(|rebooted| rebooted.at.as_second() >= start.as_second())
        .collect();
    reboots.sort_by_key(|rebooted| rebooted.at);
    Ok(reboots)
}

fn rebooted(event: &Value) -> Option<Rebooted> {
    let (_, boot_id) = event["message"].as_str()?.rsplit_once("boot id: ")?;
    Some(Rebooted { at: time(&event["lastTimestamp"])?, boot_id: boot_id.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_boot_id_is_read_from_the_kubelets_message() {
        let event = json!({
            "message": "Node n1 has been rebooted, boot id: 1b2e-4f", "lastTimestamp": "2026-01-31T22:00:00Z",
        });
        let rebooted = rebooted(&event).unwrap();
        assert_eq!(rebooted.boot_id, "1b2e-4f");
    }
}
