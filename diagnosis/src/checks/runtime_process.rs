//! `node.runtime-process`: does systemd run the container runtime?
//!
//! The runtime is whichever of containerd, CRI-O and Docker the host has. Where it has several, all that run pass and
//! none that runs fails; a mixture is unknown until the setting `unit` says which of them the kubelet uses. One reading:
//! it honours the catalogue's "not active"; the 180 s of ACK's auto repair are for a policy, with `minAge` on the finding.

use nodemend_core::facts::Facts;
use nodemend_core::finding::Severity;

use super::unit::{Service, observed, words};
use crate::check::{Check, Finding, Setting};
use crate::config::CheckConfig;

/// The units that may be the runtime's, CRI-O's under both of its names.
const UNITS: [&str; 4] = ["containerd.service", "crio.service", "cri-o.service", "docker.service"];
/// Setting: which of them it is.
const UNIT: &str = "unit";

/// Whether systemd runs the container runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeProcess;

impl Check for RuntimeProcess {
    fn id(&self) -> &'static str {
        "node.runtime-process"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn description(&self) -> &'static str {
        "the unit of the container runtime (containerd, crio or docker) is active; without it no pod starts or stops"
    }

    fn source(&self) -> &'static str {
        "ACK auto repair, RuntimeOffline"
    }

    fn settings(&self) -> &'static [Setting] {
        &[Setting {
            name: UNIT,
            description: "the unit of the runtime that the kubelet uses, on hosts that have several",
            fault: |value| {
                let known = UNITS.join(", ");
                (!UNITS.contains(&value)).then(|| format!("`{value}` is none of {known}"))
            },
        }]
    }

    fn identity(&self) -> &'static [&'static str] {
        &["unit"]
    }

    fn evaluate(&self, facts: &Facts, config: &CheckConfig) -> Finding {
        if facts.units.is_none() {
            return Finding::unknown(
                "the state of the container runtime could not be read: PID 1 did not tell",
            );
        }
        let wanted = |unit: &&str| config.get(UNIT).is_none_or(|set| set == *unit);
        let services =
            UNITS.into_iter().filter(wanted).filter_map(|unit| Some((unit, Service::of(facts, unit)?)));
        let present: Vec<_> = services.filter(|(_, service)| *service != Service::Absent).collect();
        verdict(&present)
    }
}

/// The first that does not run decides if none does.
fn verdict(present: &[(&str, Service<'_>)]) -> Finding {
    let Some((unit, first)) = present.first() else {
        return Finding::skip(format!("this host has none of {}", UNITS.join(", ")));
    };
    let all = |kind: fn(&Service<'_>) -> bool| present.iter().all(|(_, service)| kind(service));
    match first {
        Service::Running(state) if all(|service| matches!(service, Service::Running(_))) => {
            observed(Finding::pass(format!("{unit} runs")), unit, state)
        }
        Service::Down(state) if all(|service| matches!(service, Service::Down(_))) => {
            observed(Finding::fail(format!("{unit} does not run: it is {}", words(state))), unit, state)
        }
        Service::Changing(state) if present.len() == 1 => {
            observed(Finding::unknown(format!("{unit} is {} just now", words(state))), unit, state)
        }
        _ => mixed(present),
    }
}

fn mixed(present: &[(&str, Service<'_>)]) -> Finding {
    let units: Vec<_> = present.iter().map(|(unit, _)| *unit).collect();
    Finding::unknown(format!(
        "{} are not all in the same state: set `unit` of check node.runtime-process to the one that the kubelet uses",
        units.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::unit::facts_with;
    use super::*;
    use crate::config::CheckConfigs;
    use nodemend_core::finding::CheckState::{self, Fail, Pass, Skip, Unknown};

    const UP: &str = "loaded active running";
    const DOWN: &str = "loaded failed failed";

    fn state(units: &[(&str, &str)], unit: Option<&str>) -> CheckState {
        let units: Vec<_> = units.iter().map(|(unit, state)| format!("{unit}.service {state}")).collect();
        let facts = facts_with(&units.iter().map(String::as_str).collect::<Vec<_>>());
        let id = "node.runtime-process".into();
        let settings = unit.map(|unit| ("unit".to_owned(), unit.to_owned())).into_iter().collect();
        let configs = CheckConfigs::new(BTreeMap::from([("node.runtime-process".into(), settings)])).unwrap();
        RuntimeProcess.evaluate(&facts, &configs.of(&id)).state
    }

    #[test]
    fn whichever_runtime_the_host_has_is_looked_at() {
        for runtime in ["containerd", "crio", "cri-o", "docker"] {
            for (unit, expected) in [(UP, Pass), (DOWN, Fail), ("loaded activating start", Unknown)] {
                assert_eq!(state(&[(runtime, unit)], None), expected, "{runtime} {unit}");
            }
        }
        assert_eq!(state(&[("containerd", "not-found inactive dead")], None), Skip);
        assert_eq!(RuntimeProcess.evaluate(&Facts::default(), &CheckConfig::default()).state, Unknown);
    }

    #[test]
    fn where_there_are_several_a_mixture_is_unknown_until_somebody_says_which_it_is() {
        let both = |containerd, docker, unit| state(&[("containerd", containerd), ("docker", docker)], unit);
        assert_eq!(both(UP, UP, None), Pass);
        assert_eq!(both(DOWN, DOWN, None), Fail);
        assert_eq!(both(UP, DOWN, None), Unknown);
        assert_eq!(both(UP, DOWN, Some("containerd.service")), Pass);
        assert_eq!(both(UP, DOWN, Some("docker.service")), Fail);
        assert_eq!(both(UP, DOWN, Some("crio.service")), Skip);
    }

    #[test]
    fn a_unit_that_is_no_runtime_is_refused() {
        let fault = RuntimeProcess.settings()[0].fault;
        assert_eq!(fault("containerd.service"), None);
        assert!(fault("containerd").is_some_and(|fault| fault.contains("containerd.service")));
    }
}
