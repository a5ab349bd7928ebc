//! One look at one saga: read, ask core, write or start an operation. Operations run beside it and ring when they end.

use std::sync::Arc;

use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use nodemend_api::conditions::{READY, RECONCILING, STALLED, Wanted, set};
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::{Remediation, RemediationStatus};
use nodemend_core::decide::{is_remembered, is_stopped};
use nodemend_core::saga::{
    Brief, Journal, Mode, NOT_GRANTED, Next, Observation, Outcome, awaits_clearance, next,
};
use nodemend_core::snapshot::{self, is_granted};
use nodemend_core::time::Span;

use super::brief::Briefs;
use super::slots::{Key, Slots};
use super::{Parts, SagaError, bar, clear, observe, operate, tell};
use crate::clock::now;
use crate::finalizer;
use crate::store::{StoreError, put_status};

/// How long a Remediation without grants is left alone before it is looked at again, should it not be woken by them.
const WITHOUT_GRANT: Span = Span::seconds(2);

/// How long until it is looked at again whether a run remembers what ended.
const UNTIL_REMEMBERED: Span = Span::seconds(1);
/// When a saga whose operation is under way is looked at again, unless its end rings before.
const BUSY: Span = Span::seconds(15);

/// Drives sagas.
pub(super) struct Driver {
    pub(super) parts: Arc<Parts>,
    pub(super) slots: Arc<Slots>,
    pub(super) briefs: Briefs,
}

/// Everything about one saga at one look.
pub(super) struct Look {
    pub(super) remediation: Remediation,
    pub(super) brief: Brief,
    pub(super) pool: Option<Arc<RepairPool>>,
}

impl Driver {
    /// Looks at the saga called `name`, by live reads: the cache only says when to look.
    pub(super) async fn look(&self, name: &str) -> Result<Action, SagaError> {
        if self.slots.is_busy(name) {
            return Ok(Action::requeue(BUSY.as_duration()));
        }
        if self.is_inert(name) {
            return Ok(Action::requeue(WITHOUT_GRANT.as_duration()));
        }
        let api: Api<Remediation> = Api::all(self.parts.client.clone());
        let Some(mut remediation) = api.get_opt(name).await.map_err(StoreError::of::<Remediation>(name))?
        else {
            self.forget(name);
            return Ok(Action::await_change());
        };
        // Who wrote which field is larger than the rest, and stays as it is when it is not sent.
        remediation.metadata.managed_fields = None;
        if remediation.status.as_ref().is_some_and(|status| status.journal.is_finished()) {
            return self.finish(&remediation).await;
        }
        // Inert until it is granted, unless it is going: then it only has to come to its end.
        let begun = remediation.status.is_some();
        let stop = observe::known_stop(&self.parts, &remediation, begun);
        let inert = stop.as_ref().is_some_and(|stop| !stop.abort && stop.blocker.reason == NOT_GRANTED);
        if !begun && inert {
            return Ok(Action::requeue(WITHOUT_GRANT.as_duration()));
        }
        let pool = self.parts.world.look().pools.get(&remediation.spec.pool).cloned();
        let brief = self.briefs.of(&self.parts, &remediation, pool.as_deref()).await?;
        // Large, and many looks that need it not are under way at once.
        Box::pin(self.go_on(Look { remediation, brief, pool })).await
    }

    /// Whether the run remembers how this ended: until then the finalizer stays, so that nobody who deletes it makes its
    /// node look like one that was never begun.
    fn is_remembered(&self, remediation: &Remediation) -> bool {
        let row = snapshot::Remediation::try_from(remediation);
        row.is_ok_and(|row| is_remembered(&self.parts.world.look().snapshot, &row))
    }

    /// Whether the watches know the Remediation as one that has not begun and lacks its grants: thousands of them are not
    /// read again and again. One that is being deleted, or that the watches do not know, is looked at.
    fn is_inert(&self, name: &str) -> bool {
        let known = self.parts.world.look();
        let snapshot = &known.snapshot;
        snapshot.remediations.get(name).is_some_and(|remediation| {
            remediation.journal.is_none()
                && !remediation.deleting
                && snapshot.runs.get(&remediation.run).is_some_and(|run| is_stopped(run).is_none())
                && !is_granted(snapshot, name, &remediation.pool)
        })
    }

    async fn go_on(&self, mut look: Look) -> Result<Action, SagaError> {
        loop {
            let journal = journal(&look.remediation);
            let key = Key::of(&journal);
            let slot = self.slots.take(&look.brief.remediation, &key);
            if slot.busy {
                return Ok(Action::requeue(BUSY.as_duration()));
            }
            let (node, addresses) = observe::node(&self.parts.client, &look.brief.node.name).await;
            let begun = look.remediation.status.is_some();
            let mut seen = Observation {
                epoch: self.parts.epoch,
                node,
                stop: observe::known_stop(&self.parts, &look.remediation, begun),
                clearance: None,
                resolutions: observe::resolutions(&self.parts.world, &look.remediation),
                fresh: slot.fresh,
                result: slot.result,
            };
            if seen.stop.is_none() && awaits_clearance(&look.brief, &journal) {
                seen.clearance = Some(clear::clearance(&self.parts, &look).await);
            }
            let mut step = next(&look.brief, &journal, &seen, now());
            let begins = !begun && matches!(&step, Next::Write(_));
            if begins || matches!(&step, Next::Do(op) if op.is_effect()) {
                seen.stop = observe::live_stop(&self.parts, &look.remediation, begun).await?;
                step = next(&look.brief, &journal, &seen, now());
            }
            match step {
                Next::Write(journal) => look.remediation = self.write(&look, *journal).await?,
                Next::Do(op) => {
                    operate::start(&self.parts, &self.slots, look, (&seen, &key), (op, addresses));
                    return Ok(Action::requeue(BUSY.as_duration()));
                }
                Next::Wait { after, note } => {
                    if let Some(journal) = note {
                        self.write(&look, *journal).await?;
                    }
                    return Ok(Action::requeue(after.as_duration()));
                }
                Next::Finish => return self.finish(&look.remediation).await,
            }
        }
    }

    /// Writes a journal on the resourceVersion that it was decided on, if this process still leads.
    async fn write(&self, look: &Look, journal: Journal) -> Result<Remediation, SagaError> {
        if !self.parts.tenure.holds() {
            return Err(SagaError::Replaced);
        }
        let old = self::journal(&look.remediation);
        let mut object = look.remediation.clone();
        let fresh = journal.intent().filter(|intent| old.intent() != Some(*intent)).cloned();
        object.status = Some(status(&look.remediation, &look.brief, journal.clone()));
        bar::before_held(&self.parts, &look.brief, &old, &journal).await?;
        // An unknown outcome leaves nothing fresh: the next look probes before it does anything.
        let mut written = put_status(&self.parts.client, &object).await?;
        written.metadata.managed_fields = None;
        if fresh.is_some() {
            self.slots.wrote(&look.brief.remediation, fresh);
        }
        tell::written(&self.parts, &written, &look.brief, &old, &journal).await;
        Ok(written)
    }

    /// The terminal journal is written: the finalizer goes, the planner gives the grants back, the node is probed.
    async fn finish(&self, remediation: &Remediation) -> Result<Action, SagaError> {
        if finalizer::has(remediation) {
            if !self.is_remembered(remediation) {
                return Ok(Action::requeue(UNTIL_REMEMBERED.as_duration()));
            }
            finalizer::take_off_finished(&self.parts.client, remediation).await?;
            if let Some(repair) = remediation.spec.repairs.first() {
                // The prober lives as long as the process.
                let _ = self.parts.poke.send(repair.node.uid.clone());
            }
            self.parts.world.ring();
        }
        self.forget(&remediation.name_any());
        Ok(Action::await_change())
    }

    fn forget(&self, name: &str) {
        self.slots.forget(name);
        self.briefs.forget(name);
    }
}

fn journal(remediation: &Remediation) -> Journal {
    remediation.status.as_ref().map(|status| status.journal.clone()).unwrap_or_default()
}

fn status(remediation: &Remediation, brief: &Brief, journal: Journal) -> RemediationStatus {
    let mut status = remediation.status.clone().unwrap_or_default();
    let generation = remediation.metadata.generation;
    let held = matches!(journal.mode, Mode::Held | Mode::Holding);
    let ready = journal.outcome.is_some_and(|o| matches!(o, Outcome::Repaired | Outcome::Cleared))
        && journal.is_finished();
    let reason = journal.reason.clone().unwrap_or_else(|| format!("{:?}", journal.mode));
    let blocker = journal.blockers.first().map(|blocker| blocker.next.clone());
    let message = journal.message.clone().or(blocker).unwrap_or_default();
    let wanted = [(READY, ready), (RECONCILING, !held && !journal.is_finished()), (STALLED, held)];
    for (kind, holds) in wanted {
        set(
            &mut status.conditions,
            Wanted { kind, holds: Some(holds), reason: &reason, message: &message },
            generation,
            now(),
        );
    }
    status.node_name.clone_from(&brief.node.name.0);
    status.observed_generation = generation.unwrap_or_default();
    status.journal = journal;
    status
}
