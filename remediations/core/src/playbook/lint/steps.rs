//! Rules about steps: their order, what must stand before and after what, and what the actions say themselves.
//!
//! A step that cannot be read still counts by the name of its action, so that a typing error in `verify` does not
//! also make the playbook one without `verify`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Fault;
use super::tree::{Node, Position};
use crate::actions::Do;
use crate::playbook::model::Phase;
use crate::time::Span;

/// Names of actions, as they stand in `do`, that rules are about.
const CONFIRM: &str = "confirm";
const CORDON: &str = "cordon";
const DRAIN: &str = "drain";
const UNCORDON: &str = "uncordon";
const VERIFY: &str = "verify";

/// What can be read of a step.
struct StepView<'a> {
    at: Position,
    name: Option<&'a str>,
    name_at: Position,
    phase: Option<(Phase, Position)>,
    /// The name of the action.
    kind: &'a str,
    kind_at: Position,
    action: Option<Do>,
    has_undo: bool,
    timeout: Option<(Span, Position)>,
}

/// Everything that is wrong with the steps of a playbook file.
pub(super) fn faults(root: &Node) -> Vec<Fault> {
    let Some(list) = root.at_path(&["spec", "steps"]) else { return Vec::new() };
    let steps: Vec<_> = list.items().iter().map(StepView::new).collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let mut faults: Vec<_> = steps.iter().flat_map(StepView::faults).collect();
    faults.extend(names_used_twice(&steps));
    faults.extend(phases_out_of_order(&steps));
    faults.extend(without_cordon(&steps));
    faults.extend(never_uncordoned(&steps));
    if !steps.iter().any(|step| step.kind == VERIFY) {
        let reason =
            "no step does `verify`: a repair is proven by running the check that found the fault again";
        faults.push(Fault::new(list.at, reason));
    }
    faults
}

impl<'a> StepView<'a> {
    fn new(node: &'a Node) -> Self {
        let name = node.get("name");
        let action = node.get("do");
        let member = action.and_then(|action| action.members().first());
        let kind = member.map(|(key, _)| (key.name.as_str(), key.at));
        // `do: verify` instead of `do: {verify: {}}` is a fault of its own, and still a `verify`.
        let kind = kind.or_else(|| action.and_then(|action| Some((action.as_text()?, action.at))));
        let (kind, kind_at) = kind.unwrap_or(("", node.at));
        Self {
            at: node.at,
            name: name.and_then(Node::as_text),
            name_at: name.map_or(node.at, |name| name.at),
            phase: node.get("phase").and_then(|phase| Some((typed(phase)?, phase.at))),
            kind,
            kind_at,
            action: action.and_then(typed),
            has_undo: node.get("undo").is_some(),
            timeout: node.get("timeout").and_then(|timeout| Some((typed(timeout)?, timeout.at))),
        }
    }

    /// What is wrong with this step, whatever stands around it.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.kind == CONFIRM || self.name == Some(CONFIRM) {
            let at = if self.kind == CONFIRM { self.kind_at } else { self.name_at };
            faults.push(Fault::new(at, "every plan begins with a step `confirm` of its own: leave it out"));
        }
        if let Some((Span(0), at)) = self.timeout {
            faults.push(Fault::new(at, format!("step `{}` has no time to do anything", self.called())));
        }
        let Some(action) = self.action.as_ref().map(Do::action) else { return faults };
        if let Some((phase, at)) = self.phase
            && !action.phases().contains(&phase)
        {
            let allowed = in_words(action.phases());
            faults.push(Fault::new(
                at,
                format!("`{}` cannot stand in phase {phase:?}, only in {allowed}", self.kind),
            ));
        }
        if action.disruptive() && !self.has_undo {
            let reason = "disturbs the node and has no `undo`: write `undo: Restore`, or `undo: Hold` if it cannot be put back";
            faults.push(Fault::new(self.at, format!("step `{}` {reason}", self.called())));
        }
        faults.extend(
            action
                .faults()
                .into_iter()
                .map(|reason| Fault::new(self.kind_at, format!("step `{}`: {reason}", self.called()))),
        );
        faults
    }

    /// The step's name in a sentence.
    fn called(&self) -> &'a str {
        self.name.unwrap_or("without a name")
    }

    fn needs_cordon(&self) -> bool {
        self.kind == DRAIN || self.action.as_ref().is_some_and(|action| action.action().changes_host())
    }
}

fn names_used_twice(steps: &[StepView<'_>]) -> Vec<Fault> {
    let mut lines = BTreeMap::new();
    let mut faults = Vec::new();
    for step in steps {
        let Some(name) = step.name else { continue };
        match lines.entry(name) {
            Entry::Vacant(entry) => _ = entry.insert(step.name_at.line),
            Entry::Occupied(entry) => {
                let reason = format!("the name `{name}` is taken by the step in line {}", entry.get());
                faults.push(Fault::new(step.name_at, reason));
            }
        }
    }
    faults
}

fn phases_out_of_order(steps: &[StepView<'_>]) -> Vec<Fault> {
    let mut latest = Phase::Prepare;
    let mut faults = Vec::new();
    for step in steps {
        let Some((phase, at)) = step.phase else { continue };
        if phase < latest {
            let order = "phases go Prepare, Disrupt, Repair, Verify, Release";
            faults.push(Fault::new(
                at,
                format!("phase {phase:?} of step `{}` comes after phase {latest:?}: {order}", step.called()),
            ));
        }
        latest = latest.max(phase);
    }
    faults
}

fn without_cordon(steps: &[StepView<'_>]) -> Vec<Fault> {
    let uncovered = steps.iter().take_while(|step| step.kind != CORDON).filter(|step| step.needs_cordon());
    uncovered
        .map(|step| {
            Fault::new(
                step.at,
                format!(
                    "step `{}` takes the node out of service and no `cordon` stands before it",
                    step.called()
                ),
            )
        })
        .collect()
}

fn never_uncordoned(steps: &[StepView<'_>]) -> Option<Fault> {
    let cordon = steps.iter().find(|step| step.kind == CORDON)?;
    let lifted = steps.iter().any(|step| step.kind == UNCORDON);
    (!lifted).then(|| {
        Fault::new(
            cordon.at,
            format!(
                "the cordon of step `{}` is never lifted: no `uncordon` in phase Release",
                cordon.called()
            ),
        )
    })
}

/// The value as a type of the model, if it is one.
fn typed<T: serde::de::DeserializeOwned>(node: &Node) -> Option<T> {
    serde_json::from_value(node.to_json()).ok()
}

fn in_words(phases: &[Phase]) -> String {
    let words: Vec<_> = phases.iter().map(|phase| format!("{phase:?}")).collect();
    words.join(", ")
}
