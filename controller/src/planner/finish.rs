//! The end of a run: its finalizer goes when nothing of it is under way, and people are told.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::{RunPhase, RunStatus};

use super::{Planner, PlannerError};
use crate::finalizer;

impl Planner {
    /// Runs that are over, or that are going, and have nothing under way lose our finalizer.
    pub(super) async fn finish_runs(&self) -> Result<(), PlannerError> {
        let over: Vec<String> = {
            let known = self.world.look();
            let snapshot = &known.snapshot;
            let is_over = |run: &&nodemend_core::snapshot::Run| {
                run.finalized
                    && run.status.phase.is_over()
                    && snapshot
                        .remediations_of(&run.uid)
                        .all(nodemend_core::snapshot::Remediation::is_finished)
            };
            snapshot.runs.values().filter(is_over).map(|run| run.name.clone()).collect()
        };
        for name in over {
            if let Some(run) = self.get_opt::<RepairRun>(&name).await? {
                finalizer::take_off(&self.client, &run).await?;
            }
        }
        Ok(())
    }

    /// An event on the run, so that `kubectl describe` tells its story.
    pub(super) async fn tell(&self, run: &ObjectReference, status: &RunStatus) {
        let bad = matches!(
            status.phase,
            RunPhase::Failed | RunPhase::Stopped | RunPhase::Superseded | RunPhase::Expired
        );
        let event = Event {
            type_: if bad { EventType::Warning } else { EventType::Normal },
            reason: format!("{:?}", status.phase),
            note: status.message.clone().map(|message| message.chars().take(1000).collect()),
            action: "Repair".into(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, run).await {
            tracing::debug!(%error, "event not published");
        }
    }
}
