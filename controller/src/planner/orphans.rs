//! Cordons of ours that nobody answers for: lifted where that is safe, told to people where it is not. Watches propose,
//! live reads decide.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};
use nodemend_api::remediation::Remediation;
use nodemend_core::cordon::CordonMark;
use nodemend_core::ids::{NodeName, NodeUid};
use nodemend_core::op::OpResult;
use nodemend_core::orphan::{self, ORPHANED, Verdict};
use nodemend_core::snapshot;
use nodemend_core::time::{Span, Time};
use nodemend_exec::lift;

use super::live::refused;
use super::{Planner, PlannerError};
use crate::clock::now;

/// For how long a cordon has to look like an orphan: the watch of Remediations and that of nodes do not arrive together.
const SETTLED: Span = Span::seconds(10);
/// Rounds are at most ten seconds apart: what was not proposed for this long was no orphan in between.
const FORGOTTEN: Span = Span::seconds(30);

/// Since when each node's cordon has looked like an orphan, and whether people were told.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Mutex<BTreeMap<NodeUid, Seen>>);

#[derive(Debug, Clone)]
struct Seen {
    remediation: String,
    since: Time,
    last: Time,
    told: bool,
}

impl Orphans {
    /// Whether this cordon has looked like an orphan for long enough. One that was not proposed meanwhile begins anew.
    fn is_settled(&self, node: &NodeUid, mark: &CordonMark, now: Time) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, seen| now.since(seen.last) < FORGOTTEN);
        let first = || Seen { remediation: mark.remediation.clone(), since: now, last: now, told: false };
        let entry = seen.entry(node.clone()).or_insert_with(first);
        if entry.remediation != mark.remediation {
            *entry = first();
        }
        entry.last = now;
        now.since(entry.since) >= SETTLED
    }

    /// Whether people are to be told now: once.
    fn to_be_told(&self, node: &NodeUid) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get_mut(node).is_some_and(|seen| !std::mem::replace(&mut seen.told, true))
    }
}

impl Planner {
    pub(super) async fn orphan(
        &self,
        (name, uid): (&NodeName, &NodeUid),
        mark: &CordonMark,
        verdict: Verdict,
    ) -> Result<(), PlannerError> {
        if !self.orphans.is_settled(uid, mark, now()) {
            return Ok(());
        }
        match verdict {
            Verdict::Leave(told) if self.orphans.to_be_told(uid) => {
                tracing::warn!(node = %name, remediation = mark.remediation, "an orphaned cordon is left: {}", told.next);
                self.tell_orphan((name, uid), EventType::Warning, told.next).await;
                Ok(())
            }
            Verdict::Leave(_) => Ok(()),
            Verdict::Lift(why) => self.lift_orphan((name, uid), mark, &why).await,
        }
    }

    /// Lifts the cordon, if no repair that is stored answers for it. Only the leader does.
    async fn lift_orphan(
        &self,
        (name, uid): (&NodeName, &NodeUid),
        mark: &CordonMark,
        why: &str,
    ) -> Result<(), PlannerError> {
        self.live_guard().await?;
        let stored: Option<Remediation> = self.get_opt(&mark.remediation).await?;
        let row = stored.as_ref().map(snapshot::Remediation::try_from).transpose().map_err(refused)?;
        let row = row.filter(|row| row.run_uid == mark.run_uid);
        let node = snapshot::Node { name: name.clone(), uid: uid.clone(), ..snapshot::Node::default() };
        if !matches!(orphan::judge(&node, mark, row.as_ref()), Some(Verdict::Lift(_))) {
            return Ok(());
        }
        match lift(&self.client, name, uid, mark).await {
            OpResult::Uncordoned => {
                let note =
                    format!("cordon of remediation {} of run {} lifted: {why}", mark.remediation, mark.run);
                tracing::warn!(node = %name, note);
                self.tell_orphan((name, uid), EventType::Normal, note).await;
                Ok(())
            }
            other => Err(PlannerError::Refused(format!("orphaned cordon of node {name}: {other:?}"))),
        }
    }

    async fn tell_orphan(&self, (name, uid): (&NodeName, &NodeUid), type_: EventType, note: String) {
        let event = Event {
            type_,
            reason: ORPHANED.to_owned(),
            note: Some(note.chars().take(1000).collect()),
            action: "Repair".to_owned(),
            secondary: None,
        };
        let node = ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("Node".into()),
            name: Some(name.0.clone()),
            uid: Some(uid.0.clone()),
            ..ObjectReference::default()
        };
        if let Err(error) = self.recorder.publish(&event, &node).await {
            tracing::debug!(%error, "event not published");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(remediation: &str) -> CordonMark {
        CordonMark {
            remediation: remediation.to_owned(),
            run: "run".into(),
            run_uid: "uid".into(),
            since: Time(0),
            was_unschedulable: false,
            changes_host: false,
        }
    }

    #[test]
    fn only_what_lasts_is_acted_on_and_told_once() {
        let (orphans, node) = (Orphans::default(), NodeUid::from("n"));
        let settled =
            |remediation, seconds: i64| orphans.is_settled(&node, &mark(remediation), Time(seconds * 1000));
        assert!(!settled("a", 0) && !settled("a", 5) && settled("a", 10));
        assert!(orphans.to_be_told(&node) && !orphans.to_be_told(&node));
        assert!(!settled("b", 11), "another cordon");
        assert!(!settled("b", 60), "not proposed for a while: the lag of a watch, twice");
        assert!(orphans.to_be_told(&node));
    }
}
