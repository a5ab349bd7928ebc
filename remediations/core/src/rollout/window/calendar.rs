//! From wall-clock times of a zone to moments: the part of windows that knows about daylight saving.

use jiff::civil::{self, Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use super::{Weekday, Window, WindowError};
use crate::time::{Span, Time};

/// How many days back a window is looked for that may still be open: a longer one has begun again within a week.
const DAYS_BACK: i32 = 9;
/// How many days ahead the end of what is open is looked for.
const DAYS_AHEAD: i32 = 15;

/// A window, read.
pub(super) struct Rule<'a> {
    days: &'a [Weekday],
    zone: TimeZone,
    start: civil::Time,
    end: End,
}

/// How a window ends.
enum End {
    /// After time that passes.
    After(Span),
    /// When the clock on the wall says so.
    At(civil::Time),
}

impl<'a> Rule<'a> {
    /// The window at `index` of its list. The zone comes from the database that is built in: what is decided must not
    /// depend on the files of the machine that decides.
    pub(super) fn read(index: usize, window: &'a Window) -> Result<Self, WindowError> {
        let zone = TimeZoneDatabase::bundled()
            .get(&window.time_zone)
            .map_err(|_| WindowError::NoSuchZone { index, zone: window.time_zone.clone() })?;
        let end = match (window.duration, &window.end) {
            (Some(duration), None) => End::After(duration),
            (None, Some(end)) => End::At(time_of_day(index, end)?),
            _ => return Err(WindowError::NoEnd { index }),
        };
        Ok(Self { days: &window.days, zone, start: time_of_day(index, &window.start)?, end })
    }

    /// From when to when it is open, for each day around `now` on which it begins.
    pub(super) fn around(&self, now: Time) -> Result<Vec<(Time, Time)>, jiff::Error> {
        let today = self.zone.to_datetime(Timestamp::from_millisecond(now.0)?).date();
        let mut times = Vec::new();
        for offset in -DAYS_BACK..=DAYS_AHEAD {
            let day = today.checked_add(offset.days())?;
            if self.begins_on(day) {
                times.push(self.on(day)?);
            }
        }
        // Both ends may lie in an hour that was skipped: then nothing is left of it.
        times.retain(|(from, to)| from < to);
        Ok(times)
    }

    fn begins_on(&self, day: Date) -> bool {
        let weekday = day.weekday().to_monday_zero_offset();
        self.days.is_empty() || self.days.iter().any(|day| *day as i8 == weekday)
    }

    fn on(&self, day: Date) -> Result<(Time, Time), jiff::Error> {
        let from = first_moment(&self.zone, day.to_datetime(self.start))?;
        let to = match self.end {
            End::After(span) => from.after(span),
            End::At(time) if time > self.start => first_moment(&self.zone, day.to_datetime(time))?,
            End::At(time) => first_moment(&self.zone, day.tomorrow()?.to_datetime(time))?,
        };
        Ok((from, to))
    }
}

/// The first moment at which clocks on the wall show `wall` or later.
fn first_moment(zone: &TimeZone, wall: DateTime) -> Result<Time, jiff::Error> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    let moment = match ambiguous.offset() {
        // Read with the offset that comes after the gap, a time inside it lies before the gap.
        AmbiguousOffset::Gap { after, .. } => {
            let before_gap = after.to_timestamp(wall)?;
            match zone.following(before_gap).next() {
                Some(transition) => transition.timestamp(),
                None => ambiguous.compatible()?,
            }
        }
        AmbiguousOffset::Fold { .. } | AmbiguousOffset::Unambiguous { .. } => ambiguous.earlier()?,
    };
    Ok(Time(moment.as_millisecond()))
}

fn time_of_day(index: usize, text: &str) -> Result<civil::Time, WindowError> {
    civil::Time::strptime("%H:%M", text)
        .map_err(|_| WindowError::NoTimeOfDay { index, text: text.to_owned() })
}
