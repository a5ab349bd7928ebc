//! Maintenance windows: whether repairs may start now, until when, and when they may again.
//!
//! A window is written in wall-clock time of its zone and belongs to the day on which it begins. Where clocks are put
//! forward, a time that does not exist means the first moment after it; where they are put back, a time that comes
//! twice means the first of the two, so that nothing begins or ends twice.

mod calendar;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};
use calendar::Rule;

/// A recurring time in which repairs may start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// On which days it begins; empty means every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub days: Vec<Weekday>,
    /// When it begins, as `HH:MM`. Where clocks are put forward over it, it begins at the first moment that exists.
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// How long it lasts, as time that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// When it ends by the clock on the wall, as `HH:MM`; not after `start` means on the next day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub end: Option<String>,
    /// The time zone of `start` and `end`, such as `Europe/Berlin`.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[expect(missing_docs, reason = "they say what they are")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Whether repairs may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Opening {
    /// They may.
    Open {
        /// The first moment at which they may not. Looked for at most two weeks ahead: what stays open longer is
        /// given as open until then.
        until: Time,
    },
    /// They may not.
    Closed {
        /// When they may again; `None` if no window ever lasts longer than nothing.
        opens: Option<Time>,
    },
}

/// A window that cannot be read. While there is one, nothing may start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum WindowError {
    /// The zone is in no time zone database.
    #[error(
        "windows[{index}].timeZone: there is no time zone `{zone}`; write an IANA name such as Europe/Berlin"
    )]
    NoSuchZone {
        /// The window's place in the list, from 0.
        index: usize,
        /// The zone as it is written.
        zone: String,
    },
    /// `start` or `end` is no time of day.
    #[error("windows[{index}]: `{text}` is not a time of day; write it as HH:MM, such as 22:00")]
    NoTimeOfDay {
        /// The window's place in the list, from 0.
        index: usize,
        /// The text as it is written.
        text: String,
    },
    /// Both of `duration` and `end` are given, or neither.
    #[error("windows[{index}]: give exactly one of duration and end")]
    NoEnd {
        /// The window's place in the list, from 0.
        index: usize,
    },
    /// The time asked about is thousands of years away.
    #[error("windows cannot be reckoned at {0}: look at the controller's clock")]
    NoSuchDay(Time),
}

/// Whether repairs may start at `now`. Without a window they always may; windows that overlap or adjoin count as one.
pub fn opening(windows: &[Window], now: Time) -> Result<Opening, WindowError> {
    if windows.is_empty() {
        return Ok(Opening::Open { until: Time(i64::MAX) });
    }
    let mut times = Vec::new();
    for (index, window) in windows.iter().enumerate() {
        let rule = Rule::read(index, window)?;
        times.extend(rule.around(now).map_err(|_| WindowError::NoSuchDay(now))?);
    }
    times.sort_unstable();
    Ok(at(&times, now))
}

/// Where `now` lies among times from-to, which are sorted by their beginning.
fn at(times: &[(Time, Time)], now: Time) -> Opening {
    // Each that begins before what is open ends can only make it longer.
    let longer =
        |open_to: Time, &(from, to): &(Time, Time)| if from <= open_to { open_to.max(to) } else { open_to };
    let until = times.iter().fold(now, longer);
    if until > now {
        return Opening::Open { until };
    }
    Opening::Closed { opens: times.iter().map(|(from, _)| *from).find(|from| *from > now) }
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}
