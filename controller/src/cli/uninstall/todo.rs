//! What an uninstallation will do, before it does it. Pure.

use nodemend_core::snapshot::Snapshot;

/// How many names are shown of each.
const SHOWN: usize = 10;

/// What there is to be ended, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Todo {
    pub(super) policies: Vec<String>,
    /// Runs that are not over.
    pub(super) runs: Vec<String>,
    /// Nodes that are under repair, or held.
    nodes: Vec<String>,
    /// Nodes that carry a cordon of ours.
    cordoned: Vec<String>,
    holds: Vec<String>,
}

impl Todo {
    /// What is there now.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let unfinished = snapshot.remediations.values().filter(|remediation| !remediation.is_finished());
        let open = snapshot.runs.values().filter(|run| !run.status.phase.is_over());
        let cordoned = snapshot.nodes.values().filter(|node| node.cordon.is_some());
        Self {
            policies: snapshot.policies.keys().cloned().collect(),
            runs: open.map(|run| run.name.clone()).collect(),
            nodes: unfinished.map(|remediation| remediation.node.0.clone()).collect(),
            cordoned: cordoned.map(|node| node.name.0.clone()).collect(),
            holds: snapshot.holds.keys().cloned().collect(),
        }
    }

    /// The same for people.
    pub(super) fn text(&self) -> String {
        let parts = [
            ("delete", "policy", "policies", &self.policies),
            ("abort", "run", "runs", &self.runs),
            ("end the repair of", "node", "nodes", &self.nodes),
            ("lift our cordon, where that is safe, on", "node", "nodes", &self.cordoned),
            ("delete", "Hold", "Holds", &self.holds),
        ];
        let mut text = String::from("This will:\n");
        for (verb, one, many, names) in parts.into_iter().filter(|(.., names)| !names.is_empty()) {
            let what = if names.len() == 1 { format!("1 {one}") } else { format!("{} {many}", names.len()) };
            text.push_str(&format!("  {verb} {what}: {}\n", shortened(names)));
        }
        if text.lines().count() == 1 {
            text.push_str("  find nothing to end: no run, no policy, no Hold, no cordon of ours\n");
        }
        text.push_str(
            "What was launched on a host is awaited. Pools, playbooks, reports and the kinds stay as they are.\n",
        );
        text
    }
}

fn shortened(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        Some(more) => format!("{shown} and {more} more"),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing;

    #[test]
    fn everything_that_will_end_is_named() {
        let text = Todo::of(&testing::world()).text();
        for part in ["delete 1 policy: old-systemd", "abort 1 run: old-1", "delete 2 Holds: node-web-2"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_idle_cluster_is_said_to_be_one() {
        let text = Todo::default().text();
        assert!(text.contains("nothing to end"), "{text}");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<_> = (0..12).map(|number| format!("n{number}")).collect();
        assert!(shortened(&names).ends_with("n9 and 2 more"));
    }
}
