//! `node.kubelet-healthz`: does the kubelet answer its own health check?
//!
//! A kubelet that is frozen or deadlocked is `active` for systemd; only a question to itself tells. One reading. It
//! honours the catalogue's "not 200 in 10 s"; its "three times" is for a policy to ask for, with `minAge` on the finding.

use nodemend_core::facts::{Facts, Healthz};
use nodemend_core::finding::Severity;

use super::kubelet_process::UNIT;
use super::unit::{Service, words};
use crate::check::{Check, Finding};
use crate::config::CheckConfig;

/// Whether the kubelet answers `GET 127.0.0.1:10248/healthz` with 200 within 10 s.
#[derive(Debug, Clone, Copy)]
pub struct KubeletHealthz;

impl Check for KubeletHealthz {
    fn id(&self) -> &'static str {
        "node.kubelet-healthz"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn description(&self) -> &'static str {
        "the kubelet answers GET 127.0.0.1:10248/healthz with status 200 within 10 seconds"
    }

    fn source(&self) -> &'static str {
        "node-problem-detector, pkg/healthchecker; the kubelet's healthzPort"
    }

    fn identity(&self) -> &'static [&'static str] {
        &["healthz"]
    }

    fn evaluate(&self, facts: &Facts, _: &CheckConfig) -> Finding {
        match facts.kubelet_healthz {
            None => Finding::unknown(
                "the kubelet's health check could not be asked: the host has neither curl, bash nor python, or its answer could not be read",
            ),
            Some(Healthz::Status(200)) => {
                Finding::pass("the kubelet's health check says 200").with("healthz", "200")
            }
            Some(Healthz::Status(status)) => {
                Finding::fail(format!("the kubelet's health check says {status}, not 200"))
                    .with("healthz", status.to_string())
            }
            Some(Healthz::Silent) => {
                Finding::fail("the kubelet's health check does not answer within 10 s: it hangs")
                    .with("healthz", "silent")
            }
            Some(Healthz::Refused) => refused(facts).with("healthz", "refused"),
        }
    }
}

/// Nobody listens. That is a fault where the kubelet is known not to run; one that runs may just be starting, or have
/// its health check switched off (`healthzPort: 0`).
fn refused(facts: &Facts) -> Finding {
    match Service::of(facts, UNIT) {
        Some(Service::Down(state)) => Finding::fail(format!(
            "nobody answers the kubelet's health check: kubelet.service is {}",
            words(state)
        )),
        Some(Service::Running(_)) => Finding::unknown(
            "the kubelet runs and nobody listens on its health check's port: it is starting, or healthzPort is 0",
        ),
        _ => Finding::unknown(
            "nobody listens on the port of the kubelet's health check, and whether a kubelet should run is unknown",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit::facts_with;
    use super::*;
    use nodemend_core::finding::CheckState;

    #[test]
    fn only_status_200_in_time_passes() {
        for (healthz, expected) in [
            (Some(Healthz::Status(200)), CheckState::Pass),
            (Some(Healthz::Status(500)), CheckState::Fail),
            (Some(Healthz::Silent), CheckState::Fail),
            (None, CheckState::Unknown),
        ] {
            let facts = Facts { kubelet_healthz: healthz, ..Facts::default() };
            assert_eq!(
                KubeletHealthz.evaluate(&facts, &CheckConfig::default()).state,
                expected,
                "{healthz:?}"
            );
        }
    }

    #[test]
    fn a_port_where_nobody_listens_is_a_fault_only_if_the_kubelet_is_known_not_to_run() {
        let on = |units: Facts| {
            let facts = Facts { kubelet_healthz: Some(Healthz::Refused), ..units };
            KubeletHealthz.evaluate(&facts, &CheckConfig::default()).state
        };
        assert_eq!(on(facts_with(&["kubelet.service loaded inactive dead"])), CheckState::Fail);
        assert_eq!(on(facts_with(&["kubelet.service loaded active running"])), CheckState::Unknown);
        assert_eq!(on(facts_with(&["kubelet.service not-found inactive dead"])), CheckState::Unknown);
        assert_eq!(on(Facts::default()), CheckState::Unknown);
    }
}
