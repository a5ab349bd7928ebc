//! Cordons of ours that nobody answers for any more: their Remediation is gone, or is over and forgot them. Pure.
//!
//! A Remediation whose finalizer somebody took off, kinds that were deleted and made again, a backup that was restored:
//! each leaves a node cordoned for ever. The mark on the node says whose cordon it is, and whether the repair that made
//! it was of a kind that changes the host. Only a cordon that certainly hides nothing is lifted.

use crate::blocker::Blocker;
use crate::cordon::{CORDON_ANNOTATION, CordonMark, MESSAGE_ANNOTATION, NEXT_ANNOTATION};
use crate::playbook::Step;
use crate::saga::{Journal, StepRecord, StepState};
use crate::snapshot::{Node, Remediation, Snapshot};

/// The reason of what is said about an orphaned cordon that is left to a person.
pub const ORPHANED: &str = "OrphanedCordon";

/// What to do about an orphaned cordon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Put the node back as it was before; why that is safe.
    Lift(String),
    /// Leave it to a person, who is told this.
    Leave(Blocker),
}

/// What to do about the node's cordon, if it is one of ours and an orphan. While its Remediation may be there, but cannot
/// be decoded, it is none.
pub fn orphan(snapshot: &Snapshot, node: &Node) -> Option<Verdict> {
    let mark = node.cordon.as_ref()?;
    if snapshot.undecodable.contains_key(&format!("remediation/{}", mark.remediation)) {
        return None;
    }
    let remediation = snapshot.remediations.get(&mark.remediation);
    judge(node, mark, remediation.filter(|remediation| remediation.run_uid == mark.run_uid))
}

/// The same for a mark and what is stored of its Remediation.
pub fn judge(node: &Node, mark: &CordonMark, remediation: Option<&Remediation>) -> Option<Verdict> {
    match remediation {
        Some(remediation) if !remediation.is_finished() => None,
        // A person ended a repair that was held: the marks stay for whoever looks after the node, and say how.
        Some(remediation) if remediation.journal.as_ref().is_some_and(|j| j.cordon.is_some()) => None,
        Some(_) => Some(Verdict::Lift("its repair is over and had given the node back".to_owned())),
        None if mark.changes_host => {
            let why = "which is gone; whether it had changed the host cannot be known";
            Some(Verdict::Leave(left(node, mark, why)))
        }
        None => Some(Verdict::Lift(
            "its repair is gone, and was of a kind that leaves the host as it is".to_owned(),
        )),
    }
}

/// What to do about the node of an unfinished repair whose controller is gone for good, if it carries that repair's
/// cordon. `steps` are those of its plan, if that is still there.
pub fn abandoned(node: &Node, remediation: &Remediation, steps: Option<&[Step]>) -> Option<Verdict> {
    let mark = node.cordon.as_ref()?;
    if (&mark.remediation, &mark.run_uid) != (&remediation.name, &remediation.run_uid) {
        return None;
    }
    let journal = remediation.journal.as_ref();
    if mark.changes_host
        && journal.zip(steps).is_none_or(|(journal, steps)| has_begun_on_host(journal, steps))
    {
        let why = "whose controller is gone, and its host may have been changed";
        return Some(Verdict::Leave(left(node, mark, why)));
    }
    Some(Verdict::Lift("nothing that lasts was begun on its host".to_owned()))
}

/// Whether a step that changes the host for good was started; a journal that does not fit its plan may hide one.
fn has_begun_on_host(journal: &Journal, steps: &[Step]) -> bool {
    let begun = |(step, record): (&Step, &StepRecord)| {
        step.action.action().changes_host() && record.state != StepState::Pending
    };
    // Without records the first step was not begun either.
    let fits = journal.steps.is_empty() || journal.steps.len() == steps.len();
    !fits || steps.iter().zip(&journal.steps).any(begun)
}

/// What a person has to know and do.
fn left(node: &Node, mark: &CordonMark, why: &str) -> Blocker {
    let name = &node.name;
    let uncordon =
        if mark.was_unschedulable { String::new() } else { format!("kubectl uncordon {name} && ") };
    let next = format!(
        "cordoned by remediation {} of run {}, {why}. Look at the node; when it is well: {uncordon}kubectl annotate node \
         {name} {CORDON_ANNOTATION}- {MESSAGE_ANNOTATION}- {NEXT_ANNOTATION}-",
        mark.remediation, mark.run
    );
    Blocker::new(ORPHANED, format!("node/{name}"), next).since(mark.since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::{Do, Drain, Reboot};
    use crate::ids::NodeUid;
    use crate::playbook::Phase;
    use crate::saga::{Mode, Outcome};
    use crate::time::{Span, Time};

    const NAME: &str = "r-1";

    fn mark(changes_host: bool) -> CordonMark {
        CordonMark {
            remediation: NAME.into(),
            run: "run".into(),
            run_uid: "run-uid".into(),
            since: Time(1),
            was_unschedulable: false,
            changes_host,
        }
    }

    fn cordoned(changes_host: bool) -> Node {
        let cordon = Some(Box::new(mark(changes_host)));
        Node { name: "web-1".into(), unschedulable: true, cordon, ..Node::default() }
    }

    fn remediation(journal: Option<Journal>) -> Remediation {
        Remediation {
            name: NAME.into(),
            uid: "uid".into(),
            run: "run".into(),
            run_uid: "run-uid".into(),
            pool: "web".into(),
            node: "web-1".into(),
            node_uid: NodeUid::from("node-uid"),
            deleting: false,
            checks: Vec::new(),
            journal,
        }
    }

    fn with(node: &Node, remediation: Option<Remediation>) -> Option<Verdict> {
        let remediations = remediation.into_iter().map(|row| (row.name.clone(), row)).collect();
        orphan(&Snapshot { remediations, ..Snapshot::default() }, node)
    }

    fn over(cordon: Option<CordonMark>) -> Option<Journal> {
        let outcome = Some(Outcome::Failed);
        Some(Journal { mode: Mode::Finished, outcome, cordon, ..Journal::default() })
    }

    #[test]
    fn a_repair_that_is_under_way_answers_for_its_cordon() {
        assert_eq!(with(&cordoned(false), Some(remediation(None))), None);
        let held = Journal { mode: Mode::Held, ..Journal::default() };
        assert_eq!(with(&cordoned(true), Some(remediation(Some(held)))), None);
        assert_eq!(with(&Node::default(), None), None, "no mark of ours");
    }

    #[test]
    fn what_cannot_be_decoded_may_be_under_way() {
        let undecodable = [(format!("remediation/{NAME}"), "bad".to_owned())].into();
        let snapshot = Snapshot { undecodable, ..Snapshot::default() };
        assert_eq!(orphan(&snapshot, &cordoned(false)), None);
    }

    #[test]
    fn a_cordon_that_hides_nothing_is_lifted() {
        assert!(matches!(with(&cordoned(false), None), Some(Verdict::Lift(_))));
        assert!(matches!(with(&cordoned(true), Some(remediation(over(None)))), Some(Verdict::Lift(_))));
    }

    #[test]
    fn one_that_may_hide_a_changed_host_is_left_and_told() {
        let Some(Verdict::Leave(told)) = with(&cordoned(true), None) else { panic!("left to a person") };
        assert_eq!((told.reason.as_str(), told.object.as_str()), (ORPHANED, "node/web-1"));
        assert!(told.next.contains("kubectl uncordon web-1 && kubectl annotate node web-1"), "{}", told.next);
    }

    fn step(name: &str, phase: Phase, action: Do) -> Step {
        Step { name: name.into(), phase, action, timeout: None, undo: None }
    }

    /// A drain that has begun, before a restart that has or has not.
    fn begun(restart: StepState) -> (Vec<Step>, Remediation) {
        let steps = vec![
            step("drain", Phase::Disrupt, Do::Drain(Drain::default())),
            step("reboot", Phase::Repair, Do::Reboot(Reboot { grace: Span::seconds(1) })),
        ];
        let mut journal = Journal::new(&steps, 1, Time(1));
        (journal.steps[0].state, journal.steps[1].state) = (StepState::Succeeded, restart);
        (steps, remediation(Some(journal)))
    }

    #[test]
    fn an_abandoned_repair_gives_its_node_back_only_before_it_has_begun_on_the_host() {
        let node = cordoned(true);
        let (steps, drained) = begun(StepState::Pending);
        assert!(matches!(abandoned(&node, &drained, Some(&steps)), Some(Verdict::Lift(_))));
        assert!(
            matches!(abandoned(&node, &drained, None), Some(Verdict::Leave(_))),
            "nobody knows its steps"
        );
        let (steps, restarted) = begun(StepState::Started);
        assert!(matches!(abandoned(&node, &restarted, Some(&steps)), Some(Verdict::Leave(_))));
        let stranger = CordonMark { remediation: "r-2".into(), ..mark(true) };
        let other = Node { cordon: Some(Box::new(stranger)), ..node };
        assert_eq!(abandoned(&other, &drained, Some(&steps)), None, "another repair's cordon");
    }

    #[test]
    fn a_held_node_that_a_person_ended_stays_as_it_is() {
        assert_eq!(with(&cordoned(true), Some(remediation(over(Some(mark(true)))))), None);
    }

    #[test]
    fn a_remediation_of_another_run_does_not_answer_for_it() {
        let other = Remediation { run_uid: "another".into(), ..remediation(None) };
        assert!(matches!(with(&cordoned(true), Some(other)), Some(Verdict::Leave(_))));
    }
}
