//! The Holds of a failed undo, made before the journal says `Held`: a controller that dies in between makes them again under
//! the same names, one that has written `Held` never does, so that what a person released stays released.

use nodemend_api::hold::Hold;
use nodemend_core::saga::{Brief, Journal, Mode, holds_of_failed_undo};

use super::{Parts, SagaError};
use crate::audit::Event;
use crate::clock::now;
use crate::store;

/// Makes the Holds that have to stand before `new` is written in place of `old`.
pub(super) async fn before_held(
    parts: &Parts,
    brief: &Brief,
    old: &Journal,
    new: &Journal,
) -> Result<(), SagaError> {
    if (old.mode, new.mode) != (Mode::Holding, Mode::Held) {
        return Ok(());
    }
    let rows = holds_of_failed_undo(brief, new, now());
    if rows.is_empty() {
        return Ok(());
    }
    for row in &rows {
        store::create(&parts.client, &Hold::new(&row.name, row.into())).await?;
    }
    let event = Event::UndoFailed {
        run: brief.run.clone(),
        node: brief.node.name.clone(),
        holds: rows.into_iter().map(|row| row.name).collect(),
        cause: new.message.clone(),
    };
    if let Err(error) = parts.audit.tell(event).await {
        tracing::warn!(node = %brief.node.name, %error, "a failed undo is recorded later");
    }
    Ok(())
}
