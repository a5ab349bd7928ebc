//! What the state of a service's unit means: shared by the checks on single services.

use nodemend_core::facts::{Facts, UnitState};

use crate::check::Finding;

/// What is known of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service<'a> {
    /// The host has no such unit.
    Absent,
    /// It runs.
    Running(&'a UnitState),
    /// It does not run, or systemd starts it again and again.
    Down(&'a UnitState),
    /// It is being started, stopped or reloaded: the next reading tells.
    Changing(&'a UnitState),
}

impl<'a> Service<'a> {
    /// The service behind `unit`; `None` when the host could not be asked.
    pub(super) fn of(facts: &'a Facts, unit: &str) -> Option<Self> {
        let state = facts.units.as_ref()?.get(unit);
        Some(state.map_or(Self::Absent, Self::in_state))
    }

    fn in_state(state: &'a UnitState) -> Self {
        match (state.load.as_str(), state.active.as_str(), state.sub.as_str()) {
            // One that was taken away while it ran goes on running.
            ("not-found", "inactive", _) => Self::Absent,
            (_, "active", "running") => Self::Running(state),
            (_, "active" | "inactive" | "failed", _) => Self::Down(state),
            (_, "activating", sub) if sub.starts_with("auto-restart") => Self::Down(state),
            _ => Self::Changing(state),
        }
    }
}

/// `finding`, with the unit's name and state as observed values.
pub(super) fn observed(finding: Finding, unit: &str, state: &UnitState) -> Finding {
    let finding = finding.with("unit", unit).with("active", &state.active).with("sub", &state.sub);
    finding.with("load", &state.load)
}

/// The state in a few words, as `systemctl status` has it.
pub(super) fn words(state: &UnitState) -> String {
    match state.load.as_str() {
        "loaded" => format!("{} ({})", state.active, state.sub),
        load => format!("{} ({}), {load}", state.active, state.sub),
    }
}

/// Facts with these units, each as `unit load active sub`.
#[cfg(test)]
pub(super) fn facts_with(units: &[&str]) -> Facts {
    let read = |text: &&str| {
        let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        let [unit, load, active, sub] = <[String; 4]>::try_from(words).unwrap();
        (unit, UnitState { load, active, sub })
    };
    Facts { units: Some(units.iter().map(read).collect()), ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(load: &str, active: &str, sub: &str) -> String {
        let facts = facts_with(&[&format!("a.service {load} {active} {sub}")]);
        let text = format!("{:?}", Service::of(&facts, "a.service").unwrap());
        text.split('(').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn systemds_states_mean_one_of_four_things() {
        for (load, active, sub, expected) in [
            ("loaded", "active", "running", "Running"),
            ("not-found", "active", "running", "Running"),
            ("loaded", "active", "exited", "Down"),
            ("loaded", "inactive", "dead", "Down"),
            ("masked", "inactive", "dead", "Down"),
            ("loaded", "failed", "failed", "Down"),
            ("loaded", "activating", "auto-restart", "Down"),
            ("loaded", "activating", "auto-restart-queued", "Down"),
            ("loaded", "activating", "start", "Changing"),
            ("loaded", "deactivating", "stop-sigterm", "Changing"),
            ("loaded", "reloading", "reload", "Changing"),
            ("loaded", "a-state-of-tomorrow", "x", "Changing"),
            ("not-found", "inactive", "dead", "Absent"),
        ] {
            assert_eq!(kind(load, active, sub), expected, "{load} {active} {sub}");
        }
    }

    #[test]
    fn a_host_that_was_not_asked_is_not_one_without_the_unit() {
        assert_eq!(Service::of(&Facts::default(), "a.service"), None);
        assert_eq!(Service::of(&facts_with(&[]), "a.service"), Some(Service::Absent));
    }
}
