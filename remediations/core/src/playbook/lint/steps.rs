//! Rules about the order of steps: what must stand before and after what.
//!
//! A step that cannot be read still counts by the name of its action, so that a typing error in `verify` does not
//! also make the playbook one without `verify`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Fault;
use super::step::StepView;
use super::tree::Node;
use crate::actions::Action;
use crate::playbook::model::Phase;

/// Names of actions, as they stand in `do`, that rules are about.
const CORDON: &str = "cordon";
const DRAIN: &str = "drain";
const UNCORDON: &str = "uncordon";
const VERIFY: &str = "verify";

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
    let uncovered = steps.iter().take_while(|step| step.kind != CORDON).filter(|step| needs_cordon(step));
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

fn needs_cordon(step: &StepView<'_>) -> bool {
    step.kind == DRAIN || step.action().is_some_and(Action::changes_host)
}
