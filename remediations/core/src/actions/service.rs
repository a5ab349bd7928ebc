//! `restartService`: restart one unit of systemd; only another main process of an active unit proves that it happened.
//!
//! Nothing of it stays on the host, and pods go on meanwhile. So it needs no cordon, and a node whose restart failed is
//! free for the next playbook. What nobody can know still holds it: a restart that was ordered and not seen to end.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::job::{launch, output, read_job};
use super::{Action, Effect, Failure, Reading, Repeat, StepContext};
use crate::op::{HostJob, JobExit, Op, OpResult, ServiceJob};
use crate::playbook::Phase;
use crate::time::Span;

/// Restarts a service of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestartService {
    /// The unit, such as `kubelet.service`: letters, digits and `._-`, ending in `.service`.
    #[schemars(length(min = 1, max = 128))]
    pub unit: String,
    /// How long systemd may take to stop and start it. Default 4m.
    #[serde(default = "default_limit")]
    pub limit: Span,
}

/// Longer than systemd's own limits together, 90 s to stop and 90 s to start a unit (systemd-system.conf(5),
/// `DefaultTimeoutStopSec` and `DefaultTimeoutStartSec`): a service that ignores SIGTERM is killed by systemd in time.
fn default_limit() -> Span {
    Span::minutes(4)
}

impl Action for RestartService {
    fn phases(&self) -> &'static [Phase] {
        &[Phase::Repair]
    }

    fn repeat(&self) -> Repeat {
        Repeat::AtMostOnce
    }

    fn disruptive(&self) -> bool {
        true
    }

    fn default_timeout(&self) -> Span {
        Span::minutes(10)
    }

    fn op(&self, context: &StepContext<'_>) -> Option<Op> {
        let job = ServiceJob { unit: self.unit.clone(), limit: self.limit };
        Some(launch(context, HostJob::RestartService(job)))
    }

    fn read(&self, context: &StepContext<'_>, result: Option<&OpResult>) -> Reading {
        read_job(context, result, Effect::Unknown, |exit| verdict(exit, &self.unit))
    }

    fn describe(&self) -> String {
        format!("systemctl restart {} (given up after {}, not tried if PID 1 hangs)", self.unit, self.limit)
    }

    fn faults(&self) -> Vec<String> {
        if is_unit(&self.unit) || self.unit.contains("${") {
            return Vec::new();
        }
        let wanted = "letters, digits and `._-`, ending in `.service`, such as `kubelet.service`";
        vec![format!("`{}` is not the name of a service: want {wanted}", self.unit)]
    }
}

/// A word that no shell and no option of systemctl could take for anything else.
fn is_unit(text: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.strip_suffix(".service").is_some_and(|stem| {
        stem.starts_with(|c: char| c.is_ascii_alphanumeric()) && stem.chars().all(is_safe)
    })
}

/// A job that did not end well says why; one that did has to have seen the unit active with another main process.
fn verdict(exit: &JobExit, unit: &str) -> Reading {
    let of = |key: &str| exit.report.get(key).map_or("", String::as_str);
    if exit.code != Some(0) {
        let ordered = exit.report.contains_key("ordered");
        // PID 1 fell silent under the order: it may still carry it out when it wakes up.
        let effect = if ordered { Effect::Unknown } else { Effect::Nothing };
        return failed(of("reason"), &format!("{}{}", of("message"), output(exit)), effect);
    }
    let (before, after) = ((of("pid-before"), of("since-before")), (of("pid-after"), of("since-after")));
    if of("active") == "active" && !["", "0"].contains(&after.0) && after != before {
        return Reading::Done(observed(exit));
    }
    let (active, sub, code) = (of("active"), of("sub"), of("exit-code"));
    let state = format!("it is {active} ({sub}) with main process {}, was {}", after.0, before.0);
    let message = format!("{unit} was not restarted: {state}; systemctl ended with {code}{}", output(exit));
    failed("ServiceNotRestarted", &message, Effect::Something)
}

fn observed(exit: &JobExit) -> BTreeMap<String, String> {
    let kept = [("mainPidBefore", "pid-before"), ("mainPid", "pid-after"), ("state", "active")];
    kept.into_iter()
        .filter_map(|(name, key)| Some((name.to_owned(), exit.report.get(key)?.clone())))
        .collect()
}

fn failed(reason: &str, message: &str, effect: Effect) -> Reading {
    let reason = if reason.is_empty() { "CommandFailed" } else { reason };
    Reading::Failed(Failure { reason: reason.to_owned(), message: message.to_owned(), effect })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32, report: &[(&str, &str)]) -> JobExit {
        JobExit {
            code: Some(code),
            boot_id_before: "b".into(),
            boot_id_now: "b".into(),
            report: report.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            output: String::new(),
        }
    }

    fn restarted(after: [(&str, &str); 3]) -> Reading {
        let before = [("pid-before", "7"), ("since-before", "100"), ("sub", "running"), ("ordered", "yes")];
        verdict(&exit(0, &[&before[..], &after[..]].concat()), "kubelet.service")
    }

    #[test]
    fn only_another_main_process_of_an_active_unit_proves_it() {
        let after =
            |active, pid, since| restarted([("active", active), ("pid-after", pid), ("since-after", since)]);
        assert!(matches!(after("active", "8", "200"), Reading::Done(_)));
        for (active, pid, since) in [
            ("active", "7", "100"),
            ("failed", "0", "100"),
            ("activating", "8", "100"),
            ("active", "0", "200"),
        ] {
            let Reading::Failed(failure) = after(active, pid, since) else { panic!("{active} {pid}") };
            assert_eq!((failure.reason.as_str(), failure.effect), ("ServiceNotRestarted", Effect::Something));
        }
    }

    #[test]
    fn what_was_ordered_and_not_seen_to_end_is_unknown() {
        let silent = |report: &[(&str, &str)]| {
            let report = [&[("reason", "ManagerSilent"), ("message", "PID 1 hangs")], report].concat();
            let Reading::Failed(failure) = verdict(&exit(1, &report), "kubelet.service") else { panic!() };
            assert_eq!(failure.reason, "ManagerSilent");
            failure.effect
        };
        assert_eq!(silent(&[]), Effect::Nothing);
        assert_eq!(silent(&[("ordered", "yes")]), Effect::Unknown);
    }

    #[test]
    fn a_unit_is_a_safe_word_that_ends_in_service() {
        let faults = |unit: &str| RestartService { unit: unit.into(), limit: default_limit() }.faults().len();
        for unit in ["kubelet.service", "kube-proxy.service", "${unit}"] {
            assert_eq!(faults(unit), 0, "{unit}");
        }
        for unit in [
            "",
            ".service",
            "kubelet",
            "kubelet.socket",
            "--now.service",
            "a b.service",
            "a;b.service",
            "*.service",
        ] {
            assert_eq!(faults(unit), 1, "{unit}");
        }
    }
}
