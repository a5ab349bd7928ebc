//! The one place that reads the clock: everything else is told what time it is.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nodemend_core::time::Time;

/// The time now, to the millisecond.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}

/// How long this machine has been up, the time that it slept included: a clock that never goes back and that nobody sets.
/// What a leader may believe is measured with it. Without such a clock, which every Linux has, nothing can be believed.
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
}
