//! `node.kubelet-process`: does systemd run the kubelet?
//!
//! One reading. It honours the catalogue's "not active/running"; the 180 s of ACK's auto repair are for a policy to ask
//! for, with `minAge` on the finding. A kubelet that is frozen counts as running here: `node.kubelet-healthz` sees it.

use nodemend_core::facts::Facts;
use nodemend_core::finding::Severity;

use super::unit::{Service, observed, words};
use crate::check::{Check, Finding};
use crate::config::CheckConfig;

/// The kubelet's unit.
pub(super) const UNIT: &str = "kubelet.service";

/// Whether systemd runs the kubelet.
#[derive(Debug, Clone, Copy)]
pub struct KubeletProcess;

impl Check for KubeletProcess {
    fn id(&self) -> &'static str {
        "node.kubelet-process"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn description(&self) -> &'static str {
        "the unit kubelet.service is active and its process runs; without it the node becomes NotReady"
    }

    fn source(&self) -> &'static str {
        "ACK auto repair, KubeletNotReady(KubeletHung); node-problem-detector, KubeletUnhealthy"
    }

    fn identity(&self) -> &'static [&'static str] {
        &["unit"]
    }

    fn evaluate(&self, facts: &Facts, _: &CheckConfig) -> Finding {
        match Service::of(facts, UNIT) {
            None => Finding::unknown("the state of kubelet.service could not be read: PID 1 did not tell"),
            Some(Service::Absent) => {
                Finding::skip("this host has no kubelet.service: its kubelet runs as part of something else")
            }
            Some(Service::Running(state)) => observed(Finding::pass("kubelet.service runs"), UNIT, state),
            Some(Service::Down(state)) => observed(
                Finding::fail(format!("kubelet.service does not run: it is {}", words(state))),
                UNIT,
                state,
            ),
            Some(Service::Changing(state)) => observed(
                Finding::unknown(format!("kubelet.service is {} just now", words(state))),
                UNIT,
                state,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit::facts_with;
    use super::*;
    use nodemend_core::finding::CheckState;

    #[test]
    fn four_states() {
        let state = |facts: &Facts| KubeletProcess.evaluate(facts, &CheckConfig::default()).state;
        let of = |text: &str| state(&facts_with(&[&format!("kubelet.service {text}")]));
        assert_eq!(of("loaded active running"), CheckState::Pass);
        assert_eq!(of("loaded failed failed"), CheckState::Fail);
        assert_eq!(of("loaded activating start"), CheckState::Unknown);
        assert_eq!(of("not-found inactive dead"), CheckState::Skip);
        assert_eq!(state(&Facts::default()), CheckState::Unknown);
    }

    #[test]
    fn a_finding_says_in_which_state_the_unit_is() {
        let facts = facts_with(&["kubelet.service masked inactive dead"]);
        let finding = KubeletProcess.evaluate(&facts, &CheckConfig::default());
        assert_eq!(finding.message, "kubelet.service does not run: it is inactive (dead), masked");
        assert_eq!(
            (finding.observed["active"].as_str(), finding.observed["load"].as_str()),
            ("inactive", "masked")
        );
    }
}
