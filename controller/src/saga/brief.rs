//! From a Remediation and its plan to the brief that `saga::next` works by; the page's digest is checked on the way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::{Api, ResourceExt};
use nodemend_api::plan_page::PlanPage;
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::{Remediation, RemediationSpec};
use nodemend_core::canonical;
use nodemend_core::plan::Page;
use nodemend_core::plan::page::page_name;
use nodemend_core::saga::Brief;

use super::{Parts, SagaError};
use crate::store::StoreError;

/// The briefs of this process, by the Remediation's name. Pages and specs are immutable: each is verified once.
#[derive(Debug, Default)]
pub(super) struct Briefs(Mutex<HashMap<String, Brief>>);

impl Briefs {
    /// The brief of a Remediation, with the drain rules of its pool as they are now.
    pub(super) async fn of(
        &self,
        parts: &Parts,
        remediation: &Remediation,
        pool: Option<&RepairPool>,
    ) -> Result<Brief, SagaError> {
        let (name, uid) = (remediation.name_any(), remediation.uid().unwrap_or_default());
        let known = self.lock().get(&name).filter(|brief| brief.uid == uid).cloned();
        let mut brief = match known {
            Some(brief) => brief,
            None => brief(parts, remediation).await?,
        };
        self.lock().entry(name).or_insert_with(|| brief.clone());
        brief.drain_rules = pool.map(|pool| pool.spec.drain.rules.clone()).unwrap_or_default();
        Ok(brief)
    }

    /// Forgets a saga that is over.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Brief>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The brief of a Remediation. Its steps come from page 0 of the plan, its node from its own immutable spec, which
/// has to stand on the page that it names.
async fn brief(parts: &Parts, remediation: &Remediation) -> Result<Brief, SagaError> {
    let spec = &remediation.spec;
    let name = remediation.name_any();
    let header = page(parts, spec, 0).await?.header;
    let header = header.ok_or_else(|| refused(&name, "page 0 of its plan has no header"))?;
    let page = page(parts, spec, spec.page_index).await?;
    let digest = canonical::digest(&page).map_err(|error| refused(&name, &error.to_string()))?;
    let [repair] = spec.repairs.as_slice() else {
        return Err(refused(&name, "has not exactly one repair"));
    };
    if digest != spec.page_digest || !page.nodes.contains(&repair.node) {
        return Err(refused(&name, "is not what the stored plan says; nothing is done"));
    }
    Ok(Brief {
        uid: remediation.uid().unwrap_or_default(),
        run: spec.run.clone(),
        run_uid: spec.run_uid.clone(),
        pool: spec.pool.clone(),
        node: repair.node.clone(),
        playbook: header.playbook.name,
        steps: header.steps,
        drain_rules: Vec::new(),
        remediation: name,
    })
}

/// A page of the plan: pages never change, so that one that the watches know need not be read for each of its nodes.
async fn page(parts: &Parts, spec: &RemediationSpec, index: u32) -> Result<Page, SagaError> {
    if let Some(page) = known_page(parts, spec, index) {
        return Ok(page);
    }
    let api: Api<PlanPage> = Api::all(parts.client.clone());
    let name = page_name(&spec.run, index as usize);
    let page = api.get(&name).await.map_err(StoreError::of::<PlanPage>(&name))?.spec;
    if page.run_uid == spec.run_uid {
        return Ok(page.page);
    }
    Err(SagaError::Refused(format!("planpage/{name} belongs to another run of that name; nothing is done")))
}

fn known_page(parts: &Parts, spec: &RemediationSpec, index: u32) -> Option<Page> {
    parts.world.look().snapshot.pages.get(&spec.run_uid)?.get(&index).cloned()
}

fn refused(name: &str, problem: &str) -> SagaError {
    SagaError::Refused(format!("remediation/{name}: {problem}"))
}
