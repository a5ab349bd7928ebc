//! The model that stateright searches: every event from every state, and what has to hold in each.

use std::collections::BTreeMap;
use std::sync::Arc;

use nodemend_core::ids::remediation_name;
use nodemend_core::saga::Brief;
use stateright::{Model, Property};

use super::bug::Bug;
use super::ending;
use super::event::{self, Deed, Event};
use super::invariant::{ALL, Invariant};
use super::operate;
use super::planner;
use super::saga::{self, Luck};
use super::setting::{NODES, Setting};
use super::state::{Late, State};
use super::stored::Stored;
use super::trouble::{Cause, Trouble};

/// A setting, and the fault that is seeded into it.
#[derive(Debug, Clone)]
pub struct Search {
    /// Where it begins.
    pub setting: Setting,
    /// What is broken.
    pub bug: Bug,
    /// What each saga is about, by the name of its Remediation.
    briefs: BTreeMap<String, Brief>,
}

impl Search {
    /// A search from `setting`.
    pub fn new(setting: Setting, bug: Bug) -> Self {
        let snapshot = setting.snapshot();
        let mut briefs = BTreeMap::new();
        for run in snapshot.runs.values() {
            let pages = &snapshot.pages[&run.uid];
            let steps = pages[&0].header.as_ref().map(|header| header.steps.clone()).unwrap_or_default();
            for node in &pages[&1].nodes {
                let remediation = remediation_name(&run.uid, &node.uid);
                let brief = Brief {
                    uid: format!("{remediation}-0"),
                    remediation: remediation.clone(),
                    run: run.name.clone(),
                    run_uid: run.uid.clone(),
                    pool: run.request.pool.clone(),
                    node: node.clone(),
                    steps: steps.clone(),
                    drain_rules: Vec::new(),
                };
                briefs.insert(remediation, brief);
            }
        }
        Self { setting, bug, briefs }
    }

    fn brief(&self, state: &State, name: &str) -> Option<Brief> {
        let row = state.stored.snapshot.remediations.get(name)?;
        Some(Brief { uid: row.uid.clone(), ..self.briefs.get(name)?.clone() })
    }

    /// What the saga is called by people: its run and its node.
    fn called(&self, name: &str) -> String {
        self.briefs.get(name).map_or_else(String::new, |brief| format!("{}/{}", brief.run, brief.node.name))
    }

    /// What happens to `state`. `None` if it does not apply.
    pub fn apply(&self, state: &mut State, event: &Event) -> Option<()> {
        match event {
            Event::Plan(epoch) => planner::round(state, *epoch, self.bug),
            Event::Pause(epoch) => planner::step(state, *epoch, self.bug),
            Event::Look(epoch, name, luck) => {
                let brief = self.brief(state, name)?;
                saga::look(state, &brief, *epoch, *luck, self.bug)
            }
            Event::Work(node, intent) => event::work(state, node, intent, self.bug),
            Event::Arrive(late) => self.arrive(state, late),
            Event::Start => {
                event::start(state, self.bug);
                Some(())
            }
            Event::Crash(epoch) => {
                state.processes.retain(|process| process.epoch != *epoch);
                Some(())
            }
            Event::GiveUp(epoch) => {
                state.process_mut(*epoch)?.todo.clear();
                Some(())
            }
            Event::Lag(epoch) => {
                state.process_mut(*epoch)?.lags = Some(state.stored.clone());
                Some(())
            }
            Event::CatchUp(epoch) => state.process_mut(*epoch)?.lags.take().map(drop),
            Event::Person(deed) => event::act(state, deed),
            Event::Down(node) => event::go_down(state, node),
        }
    }

    fn arrive(&self, state: &mut State, late: &Late) -> Option<()> {
        state.wire.remove(late);
        match late {
            Late::Journal(name, journals) => {
                let (old, journal) = journals.as_ref();
                saga::commit(state, name, old.as_ref(), journal.clone(), None, self.bug);
            }
            Late::Op(sent) => {
                let brief = self.briefs.get(&sent.remediation)?;
                operate::perform(state, brief, sent, self.bug);
            }
        }
        Some(())
    }

    /// What happens without any trouble.
    pub fn usual(&self, state: &State, events: &mut Vec<Event>) {
        if state.processes.is_empty() {
            events.push(Event::Start);
        }
        for process in &state.processes {
            events.push(Event::Plan(process.epoch));
            for name in state.stored.snapshot.remediations.keys() {
                events.push(Event::Look(process.epoch, name.clone(), Luck::Fine));
            }
            if process.lags.is_some() {
                events.push(Event::CatchUp(process.epoch));
            }
        }
        for (name, host) in &state.hosts {
            events.extend(host.at_work().map(|intent| Event::Work(name.clone(), intent.clone())));
        }
        events.extend(state.wire.iter().cloned().map(Event::Arrive));
        if !state.stored.snapshot.holds.is_empty() {
            events.push(Event::Person(Deed::Release));
        }
    }

    fn unusual(state: &State, events: &mut Vec<Event>) {
        let trouble = state.trouble;
        let one = trouble.may(Cause::Takeover) && state.processes.len() == 1;
        events.extend(one.then_some(Event::Start));
        for process in &state.processes {
            let epoch = process.epoch;
            events.extend(trouble.may(Cause::Crash).then_some(Event::Crash(epoch)));
            events.extend(trouble.may(Cause::Pause).then_some(Event::Pause(epoch)));
            let lags = trouble.may(Cause::Lag) && process.lags.is_none();
            events.extend(lags.then_some(Event::Lag(epoch)));
            let gives_up = trouble.may(Cause::Loss) && !process.todo.is_empty();
            events.extend(gives_up.then_some(Event::GiveUp(epoch)));
            for (name, row) in &state.stored.snapshot.remediations {
                if row.is_finished() {
                    continue;
                }
                let look = |luck| Event::Look(epoch, name.clone(), luck);
                if trouble.may(Cause::Loss) {
                    events.extend([Luck::Unheard, Luck::NotSent, Luck::Late].map(look));
                }
                let down = state.hosts.get(&row.node).is_some_and(|host| host.down);
                if down {
                    events.push(look(Luck::TimeIsUp));
                }
            }
        }
        if trouble.may(Cause::Machine) {
            let busy = state.hosts.iter().filter(|(_, host)| host.is_busy() && !host.down);
            events.extend(busy.map(|(name, _)| Event::Down(name.clone())));
        }
        if trouble.may(Cause::Person) {
            Self::people(state, events);
        }
    }

    fn people(state: &State, events: &mut Vec<Event>) {
        let mut deeds = Vec::new();
        let all = &state.stored.snapshot;
        for node in all.nodes.values() {
            deeds.push(if node.unschedulable {
                Deed::Uncordon(node.name.clone())
            } else {
                Deed::Cordon(node.name.clone())
            });
        }
        if all.holds.is_empty() {
            deeds.push(Deed::Hold);
        }
        let open = all.runs.values().filter(|run| run.request.operations.is_empty());
        deeds.extend(open.map(|run| Deed::Abort(run.name.clone())));
        let kept = all.remediations.values().filter(|row| !row.deleting);
        deeds.extend(kept.map(|row| Deed::Delete(row.name.clone())));
        events.extend(deeds.into_iter().map(Event::Person));
    }
}

impl Model for Search {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let stored = Stored {
            snapshot: self.setting.snapshot(),
            marks: BTreeMap::new(),
            ended: std::collections::BTreeSet::new(),
        };
        let hosts = NODES.map(|(name, _)| (name.into(), Arc::default()));
        let mut state = State {
            stored: Arc::new(stored),
            hosts: hosts.into(),
            processes: Vec::new(),
            wire: std::collections::BTreeSet::new(),
            trouble: self.setting.trouble,
            broken: std::collections::BTreeSet::new(),
            begun: std::collections::BTreeSet::new(),
        };
        event::start(&mut state, self.bug);
        vec![state]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        // What is broken stays broken: nothing is learned from what comes after it.
        if state.broken.is_empty() {
            self.usual(state, events);
            Self::unusual(state, events);
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        let mut state = last.clone();
        let takeover = event == Event::Start && !state.processes.is_empty();
        let down = |name: &String| {
            let row = last.stored.snapshot.remediations.get(name);
            row.and_then(|row| last.hosts.get(&row.node)).is_some_and(|host| host.down)
        };
        let cause = match &event {
            // Time passes by itself for a machine that does not come back.
            Event::Look(_, name, Luck::TimeIsUp) if down(name) => None,
            _ if takeover => Some(Cause::Takeover),
            event => event.cause(),
        };
        if let Some(cause) = cause {
            state.trouble.take(cause);
        }
        self.apply(&mut state, &event)?;
        Some(state)
    }

    fn format_action(&self, event: &Event) -> String {
        let text = event.to_string();
        self.briefs.keys().fold(text, |text, name| text.replace(name.as_str(), &self.called(name)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! properties {
            ($($at:literal)*) => { vec![$(Property::always(ALL[$at].name(), |search: &Self, state: &State| {
                search.holds(state, ALL[$at])
            })),*] };
        }
        properties!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    }
}

impl Search {
    fn holds(&self, state: &State, invariant: Invariant) -> bool {
        match invariant {
            Invariant::ComesToAnEnd => !state.broken.is_empty() || ending::comes_to_an_end(self, state),
            invariant => !state.broken.contains(&invariant),
        }
    }

    /// The same state, with nothing that may go wrong any more.
    pub(super) fn calm(state: &State) -> State {
        State { trouble: Trouble::NONE, ..state.clone() }
    }
}
