//! Events and log lines of a saga: every decision is told, on the Remediation, on the node and in the log.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType};
use nodemend_api::remediation::Remediation;
use nodemend_core::saga::{Brief, Journal, Mode, StepState};

use super::Parts;

/// Tells what a written journal has that the one before did not.
pub(super) async fn written(
    parts: &Parts,
    remediation: &Remediation,
    brief: &Brief,
    old: &Journal,
    new: &Journal,
) {
    for (before, after) in old.steps.iter().map(Some).chain(std::iter::repeat(None)).zip(&new.steps) {
        if before.map(|step| step.state) != Some(after.state) && after.state != StepState::Pending {
            let of_undo = after.undo.as_ref().and_then(|undo| undo.message.as_deref());
            let message = of_undo.or(after.message.as_deref()).unwrap_or_default();
            tracing::info!(run = brief.run, node = %brief.node.name, step = after.name, state = ?after.state, message, "step");
        }
    }
    if old.mode == new.mode {
        return;
    }
    let message = new.message.clone().unwrap_or_default();
    tracing::info!(run = brief.run, node = %brief.node.name, mode = ?new.mode, outcome = ?new.outcome, reason = new.reason, message, "saga");
    let (reason, bad) = match (new.mode, new.outcome) {
        (Mode::Finished, Some(outcome)) => {
            parts.gauges.ended(&format!("{outcome:?}"));
            (format!("{outcome:?}"), outcome == nodemend_core::saga::Outcome::Failed)
        }
        (Mode::Held, _) => ("Held".to_owned(), true),
        (Mode::Undoing, _) => ("Undoing".to_owned(), true),
        (Mode::Restoring, _) => ("Restoring".to_owned(), true),
        _ => return,
    };
    let event = Event {
        type_: if bad { EventType::Warning } else { EventType::Normal },
        reason,
        note: Some(format!("run {}: {message}", brief.run).chars().take(1000).collect()),
        action: "Repair".into(),
        secondary: None,
    };
    let node = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Node".into()),
        name: Some(brief.node.name.0.clone()),
        uid: Some(brief.node.uid.0.clone()),
        ..ObjectReference::default()
    };
    for object in [remediation.object_ref(&()), node] {
        if let Err(error) = parts.recorder.publish(&event, &object).await {
            tracing::debug!(%error, "event not published");
        }
    }
}
