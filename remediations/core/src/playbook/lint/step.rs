//! One step of a playbook file: what can be read of it, and what is wrong with it whatever stands around it.

use serde::de::DeserializeOwned;

use super::document::schema_of;
use super::tree::{Node, Position, Value};
use super::{Fault, schema};
use crate::actions::{Action, Do};
use crate::playbook::model::Phase;
use crate::time::Span;

/// The action that plans put in front, and the name of its step.
const CONFIRM: &str = "confirm";

/// What can be read of a step.
pub(super) struct StepView<'a> {
    pub(super) at: Position,
    pub(super) name: Option<&'a str>,
    pub(super) name_at: Position,
    pub(super) phase: Option<(Phase, Position)>,
    /// The name of the action.
    pub(super) kind: &'a str,
    kind_at: Position,
    /// The action as it is written, if it can be read.
    written: Option<Do>,
    /// One of the same kind, if it cannot.
    stand_in: Option<Do>,
    has_undo: bool,
    timeout: Option<(Span, Position)>,
}

impl<'a> StepView<'a> {
    pub(super) fn new(node: &'a Node) -> Self {
        let name = node.get("name");
        let (kind, kind_at) = kind_of(node).unwrap_or(("", node.at));
        let written = node.get("do").and_then(typed);
        Self {
            at: node.at,
            name: name.and_then(Node::as_text),
            name_at: name.map_or(node.at, |name| name.at),
            phase: node.get("phase").and_then(|phase| Some((typed(phase)?, phase.at))),
            kind,
            kind_at,
            stand_in: if written.is_none() { stand_in(kind) } else { None },
            written,
            has_undo: node.get("undo").is_some_and(|undo| !matches!(undo.value, Value::Null)),
            timeout: node.get("timeout").and_then(|timeout| Some((typed(timeout)?, timeout.at))),
        }
    }

    /// The action: as it is written, or one of its kind, to which the same rules apply.
    pub(super) fn action(&self) -> Option<&dyn Action> {
        self.written.as_ref().or(self.stand_in.as_ref()).map(Do::action)
    }

    /// The step's name in a sentence.
    pub(super) fn called(&self) -> &'a str {
        self.name.unwrap_or("without a name")
    }

    /// What is wrong with this step, whatever stands around it.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let own = self.written.as_ref().map(|action| action.action().faults()).unwrap_or_default();
        let own = own.into_iter().map(|reason| format!("step `{}`: {reason}", self.called()));
        own.map(|reason| Fault::new(self.kind_at, reason))
            .chain(self.written_confirm())
            .chain(self.no_time())
            .chain(self.wrong_phase())
            .chain(self.no_undo())
            .collect()
    }

    fn written_confirm(&self) -> Option<Fault> {
        let at = match (self.kind, self.name) {
            (CONFIRM, _) => self.kind_at,
            (_, Some(CONFIRM)) => self.name_at,
            _ => return None,
        };
        Some(Fault::new(at, "every plan begins with a step `confirm` of its own: leave it out"))
    }

    fn no_time(&self) -> Option<Fault> {
        let (_, at) = self.timeout.filter(|(timeout, _)| *timeout == Span(0))?;
        Some(Fault::new(at, format!("step `{}` has no time to do anything", self.called())))
    }

    fn wrong_phase(&self) -> Option<Fault> {
        let allowed = self.action()?.phases();
        let (phase, at) = self.phase.filter(|(phase, _)| !allowed.contains(phase))?;
        let allowed: Vec<_> = allowed.iter().map(|phase| format!("{phase:?}")).collect();
        let reason =
            format!("`{}` cannot stand in phase {phase:?}, only in {}", self.kind, allowed.join(", "));
        Some(Fault::new(at, reason))
    }

    fn no_undo(&self) -> Option<Fault> {
        if self.has_undo || !self.action()?.disruptive() {
            return None;
        }
        let advice = "write `undo: Restore`, or `undo: Hold` if it cannot be put back";
        let reason = format!("step `{}` disturbs the node and has no `undo`: {advice}", self.called());
        Some(Fault::new(self.at, reason))
    }
}

/// The name of a step's action. `do: verify` instead of `do: {verify: {}}` is a fault, and still a `verify`.
fn kind_of(step: &Node) -> Option<(&str, Position)> {
    let action = step.get("do")?;
    match action.members().first() {
        Some((key, _)) => Some((&key.name, key.at)),
        None => Some((action.as_text()?, action.at)),
    }
}

/// An action of this kind, with the least that it can be written with.
fn stand_in(kind: &str) -> Option<Do> {
    let actions = schema_of::<Do>();
    let variants = actions.as_value()["oneOf"].as_array()?;
    let variant = variants.iter().find(|variant| variant["properties"].get(kind).is_some())?;
    serde_json::from_value(schema::smallest(variant)).ok()
}

/// The value as a type of the model, if it is one.
fn typed<T: DeserializeOwned>(node: &Node) -> Option<T> {
    serde_json::from_value(node.to_json()).ok()
}
