//! Two candidates and one Lease, in every order of looks, writes, answers and deaths.

use proptest::prelude::*;

use super::*;

const TIMING: Timing = Timing {
    lease: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry: Duration::from_secs(2),
};

fn at(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

fn held(version: &str, holder: &str) -> Found {
    let holder = (!holder.is_empty()).then(|| holder.to_owned());
    Found { version: version.to_owned(), holder, duration: TIMING.lease, holder_ended: false }
}

fn candidate(name: &str) -> Elector {
    Elector::new(name.to_owned(), TIMING)
}

#[test]
fn a_lease_of_another_is_taken_when_it_has_not_changed_for_its_whole_duration() {
    let mut a = candidate("a");
    assert_eq!(a.decide(Some(&held("1", "b")), at(100)), Decision::Wait);
    assert_eq!(a.decide(Some(&held("1", "b")), at(114)), Decision::Wait);
    assert_eq!(a.decide(Some(&held("2", "b")), at(115)), Decision::Wait, "it was renewed");
    assert_eq!(a.decide(Some(&held("2", "b")), at(129)), Decision::Wait);
    assert_eq!(a.decide(Some(&held("2", "b")), at(130)), Decision::Write);
    assert!(!a.leads(at(130)), "not before the write has succeeded");
}

#[test]
fn a_holder_that_wrote_a_longer_duration_has_it() {
    let mut a = candidate("a");
    let long = Found { duration: Duration::from_mins(1), ..held("1", "b") };
    assert_eq!(a.decide(Some(&long), at(0)), Decision::Wait);
    assert_eq!(a.decide(Some(&long), at(59)), Decision::Wait);
    assert_eq!(a.decide(Some(&long), at(60)), Decision::Write);
}

#[test]
fn a_free_lease_is_taken_at_once() {
    for found in [None, Some(held("1", "")), Some(Found { holder_ended: true, ..held("1", "b") })] {
        assert_eq!(candidate("a").decide(found.as_ref(), at(0)), Decision::Write, "{found:?}");
    }
}

#[test]
fn a_lease_that_was_deleted_may_have_a_leader_who_has_not_noticed() {
    let mut a = candidate("a");
    assert_eq!(a.decide(Some(&held("1", "b")), at(0)), Decision::Wait);
    assert_eq!(a.decide(None, at(1)), Decision::Wait);
    assert_eq!(a.decide(None, at(15)), Decision::Wait);
    assert_eq!(a.decide(None, at(16)), Decision::Write);
}

#[test]
fn a_leader_renews_and_counts_from_before_it_sent() {
    let mut a = candidate("a");
    assert_eq!(a.decide(None, at(0)), Decision::Write);
    assert_eq!(a.written(at(0)), at(10));
    assert!(a.leads(at(9)) && !a.leads(at(10)));
    assert_eq!(a.decide(Some(&held("1", "a")), at(9)), Decision::Write);
    a.written(at(9));
    assert!(a.leads(at(18)));
}

#[test]
fn a_leader_that_did_not_renew_in_time_never_leads_again() {
    let mut a = candidate("a");
    a.written(at(0));
    assert_eq!(a.decide(Some(&held("1", "a")), at(10)), Decision::Lost(Loss::NotRenewed));
    let mut a = candidate("a");
    a.written(at(0));
    assert_eq!(a.decide(Some(&held("2", "b")), at(1)), Decision::Lost(Loss::TakenBy("b".to_owned())));
}

#[test]
fn a_write_whose_answer_was_lost_is_not_believed_until_another_succeeds() {
    let mut a = candidate("a");
    assert_eq!(a.decide(None, at(0)), Decision::Write);
    assert_eq!(a.decide(Some(&held("1", "a")), at(60)), Decision::Write, "ours, from a write without answer");
    assert!(!a.leads(at(60)));
    a.written(at(60));
    assert!(a.leads(at(60)));
}

/// What happens next in a world of candidates and one Lease.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Time passes, in tenths of a second.
    Pass(u16),
    /// The API server answers a candidate's read; the answer is on its way.
    Read(usize),
    /// The answer arrives, and a write may be sent.
    Arrive(usize),
    /// A write that was sent is carried out, if the version is still the one that it is for.
    Commit(usize),
    /// Its answer arrives; it may have been lost.
    Answer(usize, bool),
    /// The process ends and another one starts in its place. What it sent is still on its way.
    Restart(usize),
}

/// A write on its way: by whom, on what version, when it was sent, and what the API server said.
#[derive(Debug, Clone)]
struct Sent {
    by: String,
    on: Option<u64>,
    at: Moment,
    accepted: Option<bool>,
}

struct Answer(Option<Found>);

struct Place {
    elector: Elector,
    /// The answer to a read that is on its way, which may be that there is no Lease.
    read: Option<Answer>,
    sent: Option<Sent>,
    lost: bool,
}

struct World {
    now: Moment,
    version: u64,
    /// The stored Lease: version and holder.
    lease: Option<(u64, String)>,
    places: Vec<Place>,
    timing: Timing,
    processes: usize,
}

impl World {
    fn new(timing: Timing) -> Self {
        let mut world =
            Self { now: at(1000), version: 0, lease: None, places: Vec::new(), timing, processes: 0 };
        world.places = (0..3).map(|_| world.place()).collect();
        world
    }

    fn place(&mut self) -> Place {
        self.processes += 1;
        let elector = Elector::new(format!("process-{}", self.processes), self.timing);
        Place { elector, read: None, sent: None, lost: false }
    }

    fn found(&self) -> Option<Found> {
        let (version, holder) = self.lease.clone()?;
        let alive = |place: &Place| place.elector.identity() == holder;
        let holder_ended = !self.places.iter().any(alive);
        let duration = self.timing.lease;
        Some(Found { version: version.to_string(), holder: Some(holder), duration, holder_ended })
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(tenths) => self.now += Duration::from_millis(u64::from(tenths) * 100),
            Event::Read(index) => self.places[index].read = Some(Answer(self.found())),
            Event::Arrive(index) => self.arrive(index),
            Event::Commit(index) => self.commit(index),
            Event::Answer(index, arrives) => self.answer(index, arrives),
            Event::Restart(index) => {
                let sent = self.places[index].sent.take();
                self.places[index] = Place { sent, ..self.place() };
            }
        }
    }

    fn arrive(&mut self, index: usize) {
        let now = self.now;
        let place = &mut self.places[index];
        let Some(Answer(found)) = place.read.take().filter(|_| place.sent.is_none() && !place.lost) else {
            return;
        };
        match place.elector.decide(found.as_ref(), now) {
            Decision::Write => {
                let on = found.map(|found| found.version.parse().unwrap());
                let by = place.elector.identity().to_owned();
                place.sent = Some(Sent { by, on, at: now, accepted: None });
            }
            Decision::Wait => {}
            Decision::Lost(_) => place.lost = true,
        }
    }

    fn commit(&mut self, index: usize) {
        let stored = self.lease.as_ref().map(|(version, _)| *version);
        let Some(sent) = self.places[index].sent.as_mut().filter(|sent| sent.accepted.is_none()) else {
            return;
        };
        sent.accepted = Some(sent.on == stored);
        if sent.on == stored {
            self.version += 1;
            self.lease = Some((self.version, sent.by.clone()));
        }
    }

    fn answer(&mut self, index: usize, arrives: bool) {
        let place = &mut self.places[index];
        let Some(sent) = place.sent.take_if(|sent| sent.accepted.is_some() || !arrives) else { return };
        let is_own = sent.by == place.elector.identity();
        if arrives && is_own && sent.accepted == Some(true) && !place.lost {
            place.elector.written(sent.at);
        }
    }

    fn leaders(&self) -> usize {
        self.places.iter().filter(|place| !place.lost && place.elector.leads(self.now)).count()
    }
}

fn event() -> impl Strategy<Value = Event> {
    let place = || 0..3_usize;
    prop_oneof![
        3 => (1..60_u16).prop_map(Event::Pass),
        4 => place().prop_map(Event::Read),
        4 => place().prop_map(Event::Arrive),
        4 => place().prop_map(Event::Commit),
        4 => (place(), prop::bool::weighted(0.8)).prop_map(|(place, arrives)| Event::Answer(place, arrives)),
        1 => place().prop_map(Event::Restart),
    ]
}

/// The most leaders that there were at the same time, and how many processes led at all.
fn play(timing: Timing, events: Vec<Event>) -> usize {
    let mut world = World::new(timing);
    let mut most = 0;
    for event in events {
        world.happen(event);
        most = most.max(world.leaders());
    }
    most
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn two_candidates_never_both_lead(events in prop::collection::vec(event(), 1..200)) {
        prop_assert!(play(TIMING, events) <= 1);
    }
}

/// The oracle sees two leaders where the rule is broken: a renew deadline that outlasts the lease.
#[test]
fn with_a_renew_deadline_beyond_the_lease_two_lead() {
    let turn =
        |place| [Event::Read(place), Event::Arrive(place), Event::Commit(place), Event::Answer(place, true)];
    let events =
        [turn(0).to_vec(), vec![Event::Read(1), Event::Arrive(1), Event::Pass(160)], turn(1).to_vec()];
    let broken = Timing { renew_deadline: Duration::from_secs(20), ..TIMING };
    assert_eq!(play(broken, events.concat()), 2);
    assert_eq!(play(TIMING, events.concat()), 1);
}
