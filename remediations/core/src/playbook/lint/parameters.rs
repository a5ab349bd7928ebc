//! Rules about parameters: what is declared is used, what is used is declared, defaults are of their type.

use std::collections::BTreeSet;

use super::Fault;
use super::tree::{Node, Position};
use crate::playbook::model::ParameterType;
use crate::playbook::params::{Part, fault_of_value, parts};

/// Everything that is wrong with the parameters of a playbook file.
pub(super) fn faults(root: &Node) -> Vec<Fault> {
    let declared = root.at_path(&["spec", "parameters"]).map_or(&[][..], Node::members);
    let names: BTreeSet<_> = declared.iter().map(|(key, _)| key.name.as_str()).collect();
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    for (text, at) in texts_of_actions(root) {
        match parts(text) {
            Ok(parts) => used.extend(parts.into_iter().filter_map(parameter).map(|name| (name, at))),
            Err(reason) => faults.push(Fault::new(at, reason)),
        }
    }
    for (key, node) in declared {
        if !used.iter().any(|(name, _)| *name == key.name) {
            faults.push(Fault::new(key.at, format!("no step uses the parameter `{}`", key.name)));
        }
        faults.extend(bad_name(&key.name, key.at));
        faults.extend(bad_default(node));
    }
    let undeclared = used.into_iter().filter(|(name, _)| !names.contains(name));
    faults.extend(
        undeclared.map(|(name, at)| {
            Fault::new(at, format!("the parameter `{name}` is not declared in `parameters`"))
        }),
    );
    faults
}

fn parameter(part: Part<'_>) -> Option<&str> {
    match part {
        Part::Parameter(name) => Some(name),
        Part::Text(_) => None,
    }
}

/// The texts in which a parameter may stand.
fn texts_of_actions(root: &Node) -> impl Iterator<Item = (&str, Position)> {
    let steps = root.at_path(&["spec", "steps"]).map_or(&[][..], Node::items);
    steps.iter().filter_map(|step| step.get("do")).flat_map(Node::texts)
}

fn bad_name(name: &str, at: Position) -> Option<Fault> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!good).then(|| Fault::new(at, format!("a parameter's name is letters and digits, not `{name}`")))
}

fn bad_default(parameter: &Node) -> Option<Fault> {
    let kind: ParameterType = serde_json::from_value(parameter.get("type")?.to_json()).ok()?;
    let default = parameter.get("default")?;
    let reason = fault_of_value(kind, default.as_text()?)?;
    Some(Fault::new(default.at, format!("the default of this parameter: {reason}")))
}
