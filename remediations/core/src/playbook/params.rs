//! Parameters: the values that a policy or a person sets, checked and put into the steps.
//!
//! `${name}` in a text of a step's `do` stands for the value of the parameter `name`, as the whole text or inside
//! of it; there is no escape. Only texts can hold it: a playbook is read and checked before any value is known, so
//! a field that is a number, a boolean or a duration takes no parameter. Steps are typed again after the
//! values are in, so that a value can never become anything else than the text of its field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Parameter, ParameterType, Playbook, Step};
use crate::time::Span;
use crate::version::Evr;

/// The longest value, in characters.
const MAX_VALUE: usize = 256;

/// Why parameters cannot be put into a playbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The playbook has no such parameter.
    #[error("playbook {playbook} has no parameter `{name}`; it has {known}")]
    Unknown {
        /// The playbook, with its version.
        playbook: String,
        /// The name given.
        name: String,
        /// The parameters there are.
        known: String,
    },
    /// The parameter has no default, so it has to be set.
    #[error("playbook {playbook} needs the parameter `{name}` ({description}); set it")]
    Missing {
        /// The playbook, with its version.
        playbook: String,
        /// The parameter.
        name: String,
        /// What it is for.
        description: String,
    },
    /// The value is not of the parameter's type.
    #[error("parameter `{name}` of playbook {playbook}: {reason}")]
    BadValue {
        /// The playbook, with its version.
        playbook: String,
        /// The parameter.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// A step uses what is no parameter, or does not make sense with the values.
    #[error("step `{step}` of playbook {playbook}: {reason}")]
    Step {
        /// The playbook, with its version.
        playbook: String,
        /// The step.
        step: String,
        /// What is wrong.
        reason: String,
    },
}

/// The playbook's steps with every parameter filled in from `values` and the defaults.
pub fn resolve(playbook: &Playbook, values: &BTreeMap<String, String>) -> Result<Vec<Step>, ParamError> {
    let values = complete(playbook, values)?;
    playbook
        .steps
        .iter()
        .map(|step| {
            resolve_step(step, &values).map_err(|reason| ParamError::Step {
                playbook: playbook.object_name(),
                step: step.name.clone(),
                reason,
            })
        })
        .collect()
}

/// A value for every parameter, each of its type.
fn complete(
    playbook: &Playbook,
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ParamError> {
    if let Some(name) = values.keys().find(|name| !playbook.parameters.contains_key(*name)) {
        let known: Vec<_> = playbook.parameters.keys().map(|name| format!("`{name}`")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(ParamError::Unknown { playbook: playbook.object_name(), name: name.clone(), known });
    }
    let value_of = |(name, parameter): (&String, &Parameter)| {
        let value = values.get(name).or(parameter.default.as_ref()).ok_or_else(|| ParamError::Missing {
            playbook: playbook.object_name(),
            name: name.clone(),
            description: parameter.description.clone(),
        })?;
        match fault_of_value(parameter.kind, value) {
            None => Ok((name.clone(), value.clone())),
            Some(reason) => {
                Err(ParamError::BadValue { playbook: playbook.object_name(), name: name.clone(), reason })
            }
        }
    };
    playbook.parameters.iter().map(value_of).collect()
}

/// What is wrong with `value` as a value of this type, if anything is.
pub(super) fn fault_of_value(kind: ParameterType, value: &str) -> Option<String> {
    if value.chars().count() > MAX_VALUE {
        return Some(format!("the value is longer than {MAX_VALUE} characters"));
    }
    if value.contains(char::is_control) {
        return Some("the value holds characters that cannot be printed".to_owned());
    }
    match kind {
        ParameterType::String => None,
        ParameterType::Integer => {
            value.parse::<i64>().err().map(|_| format!("`{value}` is not a whole number"))
        }
        ParameterType::Boolean => {
            value.parse::<bool>().err().map(|_| format!("`{value}` is not true or false"))
        }
        ParameterType::Duration => value.parse::<Span>().err().map(|error| error.to_string()),
        ParameterType::RpmVersion => value.parse::<Evr>().err().map(|error| error.to_string()),
    }
}

fn resolve_step(step: &Step, values: &BTreeMap<String, String>) -> Result<Step, String> {
    let mut action = serde_json::to_value(&step.action).map_err(|error| error.to_string())?;
    fill(&mut action, values)?;
    let action = serde_json::from_value(action).map_err(|error| error.to_string())?;
    let step = Step { action, ..step.clone() };
    match step.action.action().faults().into_iter().next() {
        None => Ok(step),
        Some(fault) => Err(fault),
    }
}

/// Puts the values into every text below `value`.
fn fill(value: &mut Value, values: &BTreeMap<String, String>) -> Result<(), String> {
    match value {
        Value::String(text) => *text = filled(text, values)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, values))?,
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, values))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn filled(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let parts = parts(text)?;
    let part = |part| match part {
        Part::Text(text) => Ok(text),
        Part::Parameter(name) => values
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| format!("`{text}` uses the parameter `{name}`, which is not declared")),
    };
    parts.into_iter().map(part).collect()
}

/// A piece of a text with parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Stands for itself.
    Text(&'a str),
    /// `${name}`.
    Parameter(&'a str),
}

/// The pieces of a text. A value is never looked at again, so it cannot bring in further parameters.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').ok_or_else(|| format!("`{text}`: `${{` has no `}}`"))?;
        parts.extend([Part::Text(before), Part::Parameter(name)]);
        rest = tail;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
