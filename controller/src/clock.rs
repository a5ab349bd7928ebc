//! The one place that reads the clock: everything else is told what time it is.

use nodemend_core::time::Time;

/// The time now, to the millisecond.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}
