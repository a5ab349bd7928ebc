//! The naive reading: a clock on the wall is looked at every minute, and windows begin and end when it says so.

use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;
/// Where clocks change in 2026, and a zone and a day where they do not.
const CHANGES: [(&str, &str); 8] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Asia/Kolkata", "2026-03-29T01:00:00Z"),
    ("UTC", "2026-06-15T12:00:00Z"),
];
const BACK: i64 = 6 * 24 * 60;
const AHEAD: i64 = 8 * 24 * 60;

/// One day's window: when the clock shows its start for the first time it is open, when it shows its end it is over.
struct Day {
    start: DateTime,
    end: Option<DateTime>,
    begun: Option<i64>,
    over: bool,
}

impl Day {
    /// Whether it is open in the minute `now`, in which the clock shows `wall`.
    fn look(&mut self, now: i64, wall: DateTime, duration: Option<Span>) -> bool {
        if self.begun.is_none() && wall >= self.start {
            self.begun = Some(now);
        }
        let ended = self.end.is_some_and(|end| wall >= end);
        let passed = self.begun.zip(duration).is_some_and(|(begun, duration)| now - begun >= duration.0);
        self.over |= ended || passed;
        self.begun.is_some() && !self.over
    }
}

fn days(window: &Window, first: DateTime) -> Vec<Day> {
    let clock = |text: &str| text.parse::<civil::Time>().unwrap();
    let start = clock(&window.start);
    (1..=20)
        .map(|offset| first.date() + offset.days())
        .filter(|day| {
            let number = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap();
            window.days.is_empty() || window.days.iter().any(|day| *day as usize == number)
        })
        .map(|day| {
            let end = window.end.as_deref().map(clock);
            let end =
                end.map(
                    |end| if end > start { day.to_datetime(end) } else { (day + 1.days()).to_datetime(end) },
                );
            Day { start: day.to_datetime(start), end, begun: None, over: false }
        })
        .collect()
}

/// Whether it is open in each minute from `BACK` before `now` to `AHEAD` after it.
fn minutes(windows: &[Window], now: Time) -> Vec<bool> {
    let first = now.0 - BACK * MINUTE;
    let count = usize::try_from(BACK + AHEAD).unwrap();
    let mut open = vec![false; count];
    for window in windows {
        let zone = TimeZone::get(&window.time_zone).unwrap();
        let wall = |at: i64| zone.to_datetime(Timestamp::from_millisecond(at).unwrap());
        let mut days = days(window, wall(first));
        for (at, open) in (0..).map(|minute: i64| first + minute * MINUTE).zip(&mut open) {
            let wall = wall(at);
            for day in &mut days {
                *open |= day.look(at, wall, window.duration);
            }
        }
    }
    open
}

fn any_window(zone: &'static str) -> impl Strategy<Value = Window> {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let days = prop::sample::subsequence(vec![Mon, Tue, Wed, Thu, Fri, Sat, Sun], 0..=7);
    // Most of them touch the hours in which clocks change.
    let clock = || {
        (prop_oneof![1 => 0..24_u32, 3 => 1..3_u32], 0..12_u32)
            .prop_map(|(h, m)| format!("{h:02}:{:02}", m * 5))
    };
    let end = prop_oneof![clock(), (1..300_i64).prop_map(|minutes| format!("{}m", minutes * 10))];
    (days, clock(), end).prop_map(move |(days, start, end)| window(&days, &start, &end, zone))
}

/// A moment near a change of clocks, and windows in that zone and in another one.
fn any_case() -> impl Strategy<Value = (Time, Vec<Window>)> {
    let change = prop::sample::select(&CHANGES[..]);
    (change, -800..800_i64).prop_flat_map(|((zone, at), offset)| {
        let windows = (prop::collection::vec(any_window(zone), 1..3), prop::option::of(any_window("UTC")));
        let now = Time(time(at).0 + offset * MINUTE);
        windows.prop_map(move |(windows, other)| (now, windows.into_iter().chain(other).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn every_minute_agrees((now, windows) in any_case()) {
        let minutes = minutes(&windows, now);
        let ahead = &minutes[usize::try_from(BACK).unwrap()..];
        // The first minute that differs from now, if there is one within the days that were gone through.
        let turn = ahead.iter().position(|open| *open != ahead[0]);
        let turn = turn.map(|minute| Time(now.0 + i64::try_from(minute).unwrap() * MINUTE));
        let end = Time(now.0 + AHEAD * MINUTE);
        match (opening(&windows, now).unwrap(), turn) {
            (Opening::Open { until }, Some(turn)) => prop_assert!(ahead[0] && until == turn, "{until} {turn}"),
            (Opening::Open { until }, None) => prop_assert!(ahead[0] && until >= end, "{until}"),
            (Opening::Closed { opens }, Some(turn)) => prop_assert!(!ahead[0] && opens == Some(turn), "{opens:?} {turn}"),
            (Opening::Closed { opens }, None) => prop_assert!(!ahead[0] && opens.is_none_or(|o| o >= end), "{opens:?}"),
        }
    }
}
