//! Storm Holds, made and lifted. Caches propose, live reads decide: a Hold that no watch shows yet looks like one that a
//! person released, and old rows of nodes look calm.

use kube::api::{DeleteParams, Preconditions};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource, ResourceExt};
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::hold::Hold;
use nodemend_api::pool::RepairPool;
use nodemend_core::rollout::storm::{HoldChange, StormState, Turn, blind, cause, hold_name, is_storm, turn};
use nodemend_core::snapshot::{self, Snapshot};

use super::live::refused;
use super::{Planner, PlannerError};
use crate::audit::Event as Record;
use crate::clock::now;
use crate::store::{self, StoreError, update_status};

impl Planner {
    /// Decides the proposed turn anew from what is stored, and carries that out.
    pub(super) async fn storm(&self, name: &str, proposed: &Turn) -> Result<(), PlannerError> {
        let hold: Option<Hold> = self.get_opt(&hold_name(name)).await?;
        let Some(pool) = self.get_opt::<RepairPool>(name).await? else {
            return self.lift_of_gone_pool(hold.as_ref()).await;
        };
        let row = snapshot::Pool::try_from(&pool).map_err(refused)?;
        let standing = hold.as_ref().map(snapshot::Hold::try_from).transpose().map_err(refused)?;
        let standing = standing.filter(is_storm);
        let ends = proposed.state.is_none();
        let cause = if ends { self.live_cause(&row).await? } else { self.known_cause(&row) };
        let Some(turn) = turn(&row, standing.as_ref(), cause, now()) else { return Ok(()) };
        match &turn.hold {
            // What was looked at is what the watches know: the next round proposes to lift it.
            HoldChange::Lift if !ends => return Ok(()),
            HoldChange::Make(made) => self.make_hold(made).await?,
            HoldChange::Keep | HoldChange::Lift => {}
        }
        if !self.storm_state(&row, &turn).await? {
            return Ok(());
        }
        let cause = match &turn.hold {
            HoldChange::Make(made) => made.message.clone(),
            HoldChange::Keep | HoldChange::Lift => None,
        };
        if turn.hold != HoldChange::Keep {
            self.record(Record::Storm { pool: name.to_owned(), cause }).await;
        }
        if turn.hold == HoldChange::Lift {
            self.delete_hold(hold.as_ref()).await?;
        }
        self.tell_storm(&pool, row.storm_state.as_ref(), &turn).await;
        Ok(())
    }

    /// The Hold of a pool that is gone; one under its name that is not the breaker's stays.
    async fn lift_of_gone_pool(&self, hold: Option<&Hold>) -> Result<(), PlannerError> {
        let row = hold.map(snapshot::Hold::try_from).transpose().map_err(refused)?;
        if row.as_ref().is_some_and(is_storm) { self.delete_hold(hold).await } else { Ok(()) }
    }

    fn known_cause(&self, pool: &snapshot::Pool) -> Option<String> {
        cause(&self.world.look().snapshot, pool, now())
    }

    /// Why it is a storm, from nodes and repairs as they are stored. While nothing can be seen, nothing is calm.
    async fn live_cause(&self, pool: &snapshot::Pool) -> Result<Option<String>, PlannerError> {
        let guard = match self.get_opt::<RepairGuard>(GUARD_NAME).await? {
            Some(_) => Some((&self.live_guard().await?).try_into().map_err(refused)?),
            None => None,
        };
        let remediations = self.live_remediations().await?;
        let live = Snapshot {
            guard,
            nodes: self.live_nodes().await?,
            remediations: remediations.into_iter().map(|row| (row.name.clone(), row)).collect(),
            ..Snapshot::default()
        };
        if blind(&live) {
            return Err(PlannerError::Refused("no node of the cluster is Ready".to_owned()));
        }
        Ok(cause(&live, pool, now()))
    }

    /// Writes the state, if the one that was decided from is still stored; whether it is written.
    async fn storm_state(&self, row: &snapshot::Pool, turn: &Turn) -> Result<bool, PlannerError> {
        let mut written = false;
        update_status(&self.client, &row.name, |pool: &mut RepairPool| {
            let stored = pool.status.get_or_insert_default();
            written = stored.storm == row.storm_state;
            stored.storm.clone_from(&turn.state);
            self.sign(stored);
            written
        })
        .await?;
        Ok(written)
    }

    async fn make_hold(&self, row: &snapshot::Hold) -> Result<(), PlannerError> {
        let hold = Hold::new(&row.name, row.into());
        if store::create(&self.client, &hold).await?.is_some() {
            tracing::warn!(hold = row.name, message = row.message.as_deref(), "storm");
            return Ok(());
        }
        let problem = "is there already and is not the storm breaker's; release it";
        Err(PlannerError::Refused(format!("hold/{} {problem}", row.name)))
    }

    async fn delete_hold(&self, hold: Option<&Hold>) -> Result<(), PlannerError> {
        let Some(hold) = hold else { return Ok(()) };
        let name = hold.name_any();
        let preconditions = Some(Preconditions { uid: hold.uid(), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        let api: Api<Hold> = Api::all(self.client.clone());
        match api.delete(&name, &params).await {
            Ok(_) => tracing::info!(hold = name, "storm is over"),
            // Somebody released it in between.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(StoreError::of::<Hold>(&name)(error).into()),
        }
        Ok(())
    }

    /// An event on the pool when a storm begins, is overridden, and ends.
    async fn tell_storm(&self, pool: &RepairPool, before: Option<&StormState>, turn: &Turn) {
        let Some(event) = event(&hold_name(&pool.name_any()), before, turn) else { return };
        if let Err(error) = self.recorder.publish(&event, &pool.object_ref(&())).await {
            tracing::debug!(%error, "event not published");
        }
    }
}

fn event(hold: &str, before: Option<&StormState>, turn: &Turn) -> Option<Event> {
    let (type_, reason, note) = match (before, &turn.state) {
        (None, Some(state)) => (EventType::Warning, "Storm", format!("{}; held by hold/{hold}", state.cause)),
        (Some(before), Some(state)) if state.overridden && !before.overridden => {
            let note = format!("hold/{hold} was released by a person: repairs go on through this storm");
            (EventType::Normal, "StormOverridden", note)
        }
        (Some(_), None) => (EventType::Normal, "StormOver", "it has been calm for long enough".to_owned()),
        _ => return None,
    };
    let (reason, action) = (reason.to_owned(), "Hold".to_owned());
    Some(Event { type_, reason, note: Some(note), action, secondary: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::time::Time;

    fn state(overridden: bool) -> StormState {
        StormState { since: Time(0), cause: "7 of 20".into(), calm_since: None, overridden }
    }

    #[test]
    fn beginning_end_and_override_are_told_and_nothing_else() {
        let told = |before: Option<bool>, after: Option<bool>| {
            let turn = Turn { state: after.map(state), hold: HoldChange::Keep };
            event("storm-web", before.map(state).as_ref(), &turn).map(|event| event.reason)
        };
        assert_eq!(told(None, Some(false)).as_deref(), Some("Storm"));
        assert_eq!(told(Some(false), Some(true)).as_deref(), Some("StormOverridden"));
        assert_eq!(told(Some(true), None).as_deref(), Some("StormOver"));
        assert_eq!(told(Some(true), Some(true)), None);
        assert_eq!(told(Some(false), Some(false)), None, "calm has begun, or ended");
    }
}
