//! The life of a step: which changes of its state can be written, and that no others can.

use crate::playbook::Phase;
use crate::saga::{StepRecord, StepState};
use crate::time::Time;

use StepState::{Failed, Indeterminate, Pending, Started, Succeeded, UndoFailed, UndoStarted, Undone};

/// Every state, and what may follow it.
const LIFE: [(StepState, &[StepState]); 8] = [
    (Pending, &[Started, UndoStarted]),
    (Started, &[Started, Succeeded, Failed, Indeterminate, Pending]),
    (Succeeded, &[Pending, UndoStarted]),
    (Failed, &[UndoStarted]),
    (Indeterminate, &[Succeeded, Failed]),
    (UndoStarted, &[UndoStarted, Undone, UndoFailed]),
    (Undone, &[]),
    (UndoFailed, &[UndoStarted, Undone]),
];

#[test]
fn a_step_has_no_other_life() {
    for (from, followers) in LIFE {
        for (to, _) in LIFE {
            let mut record = StepRecord { state: from, ..StepRecord::new("install", Phase::Repair) };
            let changed = record.become_state(to, Time(1));
            assert_eq!(changed.is_ok(), followers.contains(&to), "{from:?} to {to:?}");
            assert_eq!(record.state, if changed.is_ok() { to } else { from });
        }
    }
}

#[test]
fn an_undo_keeps_what_happened_before_it_and_counts_its_attempts() {
    let mut record = StepRecord { state: Failed, ..StepRecord::new("install", Phase::Repair) };
    (record.message, record.finished_at) = (Some("why".to_owned()), Some(Time(1)));
    record.start_undo("undo:install-1".into(), Time(2)).unwrap();
    record.become_state(UndoFailed, Time(3)).unwrap();
    record.start_undo("undo:install-2".into(), Time(4)).unwrap();
    record.become_state(Undone, Time(5)).unwrap();
    let undo = record.undo.unwrap();
    assert_eq!((undo.attempt, undo.started_at, undo.finished_at), (2, Time(4), Some(Time(5))));
    assert_eq!((record.message.as_deref(), record.finished_at), (Some("why"), Some(Time(1))));
}
