//! `node.systemd-dbus`: does PID 1 answer in time?

use nodemend_core::facts::{Facts, Pid1};
use nodemend_core::finding::Severity;

use crate::check::{Check, Finding};
use crate::config::CheckConfig;

/// Whether PID 1 answers a call within its time.
#[derive(Debug, Clone, Copy)]
pub struct SystemdDbus;

impl Check for SystemdDbus {
    fn id(&self) -> &'static str {
        "node.systemd-dbus"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn description(&self) -> &'static str {
        "PID 1 answers a D-Bus call within 5 seconds; without it containers cannot be started or stopped"
    }

    fn source(&self) -> &'static str {
        "systemd issues 11390 and 11809"
    }

    fn identity(&self) -> &'static [&'static str] {
        &["pid1"]
    }

    fn evaluate(&self, facts: &Facts, _: &CheckConfig) -> Finding {
        match facts.pid1 {
            Some(Pid1::Answers) => Finding::pass("PID 1 answers in time").with("pid1", "answers"),
            Some(Pid1::Silent) => {
                Finding::fail("PID 1 does not answer in time: it hangs").with("pid1", "silent")
            }
            Some(Pid1::Refused) => {
                Finding::fail("calls to PID 1 are refused: the message bus is gone").with("pid1", "refused")
            }
            None => Finding::unknown("whether PID 1 answers could not be observed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::finding::CheckState;

    #[test]
    fn only_an_answer_in_time_passes() {
        let state =
            |pid1| SystemdDbus.evaluate(&Facts { pid1, ..Facts::default() }, &CheckConfig::default()).state;
        assert_eq!(state(Some(Pid1::Answers)), CheckState::Pass);
        assert_eq!(state(Some(Pid1::Silent)), CheckState::Fail);
        assert_eq!(state(Some(Pid1::Refused)), CheckState::Fail);
        assert_eq!(state(None), CheckState::Unknown);
    }
}
