//! Failure limits: how many nodes may fail, in all and one after the other. A limit that is reached stays reached.

use super::Rollout;
use crate::budget::{IntOrPercent, NotAShare};

/// What went wrong so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// Planned nodes.
    pub planned: u32,
    /// Nodes that failed or are held.
    pub total: u32,
    /// Nodes that failed or are held, one after the other, up to now.
    pub consecutive: u32,
    /// Nodes of the canary that failed or are held.
    pub of_canary: u32,
}

/// The limit that is reached, in words; `None` while the run may go on.
pub fn reached(rollout: &Rollout, failures: Failures) -> Result<Option<String>, NotAShare> {
    let Failures { planned, total, consecutive, of_canary } = failures;
    if of_canary > 0 {
        return Ok(Some(format!("{of_canary} nodes of the canary failed or are held")));
    }
    let allowed = of_planned(&rollout.max_failures, planned)?;
    if total > allowed {
        return Ok(Some(format!("{total} nodes failed or are held, {allowed} may (maxFailures)")));
    }
    let consecutive_allowed = rollout.max_consecutive_failures.unwrap_or(u32::MAX);
    Ok((consecutive > consecutive_allowed).then(|| {
        format!(
            "{consecutive} nodes failed or are held one after the other, {consecutive_allowed} may \
             (maxConsecutiveFailures)"
        )
    }))
}

/// A share of the planned nodes, rounded down: ten percent of five nodes let none fail.
fn of_planned(limit: &IntOrPercent, planned: u32) -> Result<u32, NotAShare> {
    match limit {
        IntOrPercent::Int(count) => Ok(*count),
        // Checked as any other share is; only the rounding is stricter here.
        IntOrPercent::Percent(_) if limit.of(100)? == 0 => Ok(0),
        IntOrPercent::Percent(_) => {
            let percent = u64::try_from(limit.of(100)?).unwrap_or(0);
            Ok(u32::try_from(u64::from(planned) * percent / 100).unwrap_or(u32::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(max_failures: IntOrPercent, consecutive: Option<u32>) -> Rollout {
        Rollout { max_failures, max_consecutive_failures: consecutive, ..Rollout::default() }
    }

    fn stops(rollout: &Rollout, planned: u32, total: u32, consecutive: u32) -> bool {
        reached(rollout, Failures { planned, total, consecutive, of_canary: 0 }).unwrap().is_some()
    }

    #[test]
    fn the_first_failure_stops_a_run_that_says_nothing() {
        assert!(!stops(&Rollout::default(), 100, 0, 0));
        assert!(stops(&Rollout::default(), 100, 1, 1));
    }

    #[test]
    fn a_percentage_is_rounded_down_and_may_be_none() {
        let tenth = rollout(IntOrPercent::Percent("10%".into()), None);
        assert!(stops(&tenth, 5, 1, 1));
        assert!(!stops(&tenth, 25, 2, 2));
        assert!(stops(&tenth, 25, 3, 1));
        assert!(reached(&rollout(IntOrPercent::Percent("x".into()), None), Failures::default()).is_err());
    }

    #[test]
    fn failures_in_a_row_stop_sooner_than_the_total() {
        let limited = rollout(IntOrPercent::Int(10), Some(2));
        assert!(!stops(&limited, 100, 8, 2));
        assert!(stops(&limited, 100, 3, 3));
    }

    #[test]
    fn a_canary_may_not_fail_at_all() {
        let failures = Failures { planned: 100, total: 1, consecutive: 1, of_canary: 1 };
        assert!(reached(&rollout(IntOrPercent::Int(10), None), failures).unwrap().is_some());
    }
}
