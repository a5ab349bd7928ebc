//! Windows on the days that are hard, and against a reading that goes through every minute.

mod minutes;

use super::*;

fn window(days: &[Weekday], start: &str, end: &str, time_zone: &str) -> Window {
    let (duration, end) = match end.parse::<Span>() {
        Ok(duration) => (Some(duration), None),
        Err(_) => (None, Some(end.to_owned())),
    };
    Window { days: days.to_vec(), start: start.into(), duration, end, time_zone: time_zone.into() }
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn is_open(windows: &[Window], now: &str, until: &str) {
    assert_eq!(opening(windows, time(now)), Ok(Opening::Open { until: time(until) }), "at {now}");
}

fn is_closed(windows: &[Window], now: &str, opens: &str) {
    assert_eq!(opening(windows, time(now)), Ok(Opening::Closed { opens: Some(time(opens)) }), "at {now}");
}

#[test]
fn without_a_window_it_is_always_open() {
    assert_eq!(opening(&[], Time(0)), Ok(Opening::Open { until: Time(i64::MAX) }));
}

#[test]
fn an_overnight_window_belongs_to_the_day_on_which_it_begins() {
    // 1 March 2026 is a Sunday.
    let sunday = [window(&[Weekday::Sun], "22:00", "04:00", "UTC")];
    is_closed(&sunday, "2026-03-01T03:00:00Z", "2026-03-01T22:00:00Z");
    is_open(&sunday, "2026-03-01T22:00:00Z", "2026-03-02T04:00:00Z");
    is_open(&sunday, "2026-03-02T03:59:59Z", "2026-03-02T04:00:00Z");
    is_closed(&sunday, "2026-03-02T04:00:00Z", "2026-03-08T22:00:00Z");
}

#[test]
fn midnight_is_the_end_of_a_day_and_a_start_that_is_the_end_makes_a_whole_day() {
    let evening = [window(&[Weekday::Mon], "18:00", "00:00", "UTC")];
    is_open(&evening, "2026-03-02T23:59:00Z", "2026-03-03T00:00:00Z");
    is_closed(&evening, "2026-03-03T00:00:00Z", "2026-03-09T18:00:00Z");
    let saturday = [window(&[Weekday::Sat], "00:00", "00:00", "UTC")];
    is_open(&saturday, "2026-03-07T12:00:00Z", "2026-03-08T00:00:00Z");
    let same = [window(&[Weekday::Sat], "00:00", "24h", "UTC")];
    is_open(&same, "2026-03-07T12:00:00Z", "2026-03-08T00:00:00Z");
}

#[test]
fn windows_that_overlap_or_adjoin_count_as_one() {
    let two = [window(&[], "01:00", "03:00", "UTC"), window(&[], "02:00", "04:00", "UTC")];
    is_open(&two, "2026-03-02T01:30:00Z", "2026-03-02T04:00:00Z");
    let weekend = [window(&[Weekday::Sat, Weekday::Sun], "00:00", "24h", "UTC")];
    is_open(&weekend, "2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z");
    let always = opening(&[window(&[], "09:00", "24h", "UTC")], time("2026-03-07T00:00:00Z"));
    assert!(
        matches!(always, Ok(Opening::Open { until }) if until > time("2026-03-21T00:00:00Z")),
        "{always:?}"
    );
}

#[test]
fn where_clocks_go_forward_a_window_begins_at_the_first_moment_that_exists() {
    // Berlin: 02:00 becomes 03:00 at 01:00Z on 29 March 2026. New York: at 07:00Z on 8 March.
    let berlin = |start, end| [window(&[Weekday::Sun], start, end, "Europe/Berlin")];
    is_closed(&berlin("02:30", "04:00"), "2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z");
    is_open(&berlin("02:30", "04:00"), "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
    is_open(&berlin("02:30", "2h"), "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z");
    is_open(&berlin("01:00", "02:30"), "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z");
    is_closed(&berlin("02:10", "02:50"), "2026-03-29T01:00:00Z", "2026-04-05T00:10:00Z");
    let new_york = [window(&[Weekday::Sun], "02:30", "4h", "America/New_York")];
    is_open(&new_york, "2026-03-08T07:00:00Z", "2026-03-08T11:00:00Z");
}

#[test]
fn where_clocks_go_back_a_window_begins_once_and_ends_once() {
    // Berlin: 03:00 becomes 02:00 at 01:00Z on 25 October 2026. New York: 02:00 becomes 01:00 at 06:00Z on 1 November.
    let berlin = |start, end| [window(&[Weekday::Sun], start, end, "Europe/Berlin")];
    is_open(&berlin("02:30", "30m"), "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z");
    is_closed(&berlin("02:30", "30m"), "2026-10-25T01:30:00Z", "2026-11-01T01:30:00Z");
    is_open(&berlin("02:30", "03:00"), "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z");
    is_open(&berlin("01:00", "02:30"), "2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z");
    is_open(&berlin("22:00", "06:00"), "2026-10-26T00:00:00Z", "2026-10-26T05:00:00Z");
    let new_york = [window(&[Weekday::Sun], "01:30", "2h", "America/New_York")];
    is_open(&new_york, "2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z");
}

#[test]
fn a_night_of_elapsed_time_and_one_of_wall_clock_differ_where_clocks_change() {
    let zone = "Europe/Berlin";
    let night = "2026-03-28T22:00:00Z";
    is_open(&[window(&[Weekday::Sat], "22:00", "8h", zone)], night, "2026-03-29T05:00:00Z");
    is_open(&[window(&[Weekday::Sat], "22:00", "06:00", zone)], night, "2026-03-29T04:00:00Z");
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let told = |window: Window| opening(&[window], Time(0)).unwrap_err().to_string();
    let good = window(&[], "22:00", "4h", "UTC");
    let unknown = told(Window { time_zone: "Europe/Berlino".into(), ..good.clone() });
    assert!(unknown.contains("windows[0].timeZone") && unknown.contains("`Europe/Berlino`"), "{unknown}");
    assert!(told(Window { start: "25:00".into(), ..good.clone() }).contains("`25:00` is not a time of day"));
    assert!(told(Window { end: Some("23:00".into()), ..good.clone() }).contains("exactly one"));
    assert!(told(Window { duration: None, ..good.clone() }).contains("exactly one"));
    assert!(matches!(opening(&[good], Time(i64::MAX)), Err(WindowError::NoSuchDay(_))));
}

#[test]
fn a_window_that_lasts_no_time_never_opens() {
    let never = opening(&[window(&[], "22:00", "0s", "UTC")], time("2026-03-02T22:00:00Z"));
    assert_eq!(never, Ok(Opening::Closed { opens: None }));
}

#[test]
fn zones_are_known_whatever_the_machine_has() {
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    assert!(!bundled.is_definitively_empty() && bundled.get("Australia/Lord_Howe").is_ok());
    // Clocks there move by half an hour: 02:00 becomes 01:30 at 15:00Z on 4 April 2026.
    let lord_howe = [window(&[Weekday::Sun], "01:45", "02:15", "Australia/Lord_Howe")];
    is_open(&lord_howe, "2026-04-04T14:45:00Z", "2026-04-04T15:45:00Z");
}
