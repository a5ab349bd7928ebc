//! From a Remediation and its plan to the brief that `saga::next` works by; the page's digest is checked on the way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::{Api, Client, ResourceExt};
use nodemend_api::plan_page::PlanPage;
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::Remediation;
use nodemend_core::canonical;
use nodemend_core::plan::page::page_name;
use nodemend_core::saga::Brief;

use super::SagaError;
use crate::store::StoreError;

/// The briefs of this process, by the Remediation's name. Pages and specs are immutable: each is verified once.
#[derive(Debug, Default)]
pub(super) struct Briefs(Mutex<HashMap<String, Brief>>);

impl Briefs {
    /// The brief of a Remediation, with the drain rules of its pool as they are now.
    pub(super) async fn of(
        &self,
        client: &Client,
        remediation: &Remediation,
        pool: Option<&RepairPool>,
    ) -> Result<Brief, SagaError> {
        let (name, uid) = (remediation.name_any(), remediation.uid().unwrap_or_default());
        let known = self.lock().get(&name).filter(|brief| brief.uid == uid).cloned();
        let mut brief = match known {
            Some(brief) => brief,
            None => brief(client, remediation).await?,
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
async fn brief(client: &Client, remediation: &Remediation) -> Result<Brief, SagaError> {
    let spec = &remediation.spec;
    let name = remediation.name_any();
    let header = page(client, &spec.run, 0).await?.spec.page.header;
    let header = header.ok_or_else(|| refused(&name, "page 0 of its plan has no header"))?;
    let page = page(client, &spec.run, spec.page_index).await?.spec;
    let digest = canonical::digest(&page.page).map_err(|error| refused(&name, &error.to_string()))?;
    let [repair] = spec.repairs.as_slice() else {
        return Err(refused(&name, "has not exactly one repair"));
    };
    if digest != spec.page_digest || page.run_uid != spec.run_uid || !page.page.nodes.contains(&repair.node) {
        return Err(refused(&name, "is not what the stored plan says; nothing is done"));
    }
    Ok(Brief {
        uid: remediation.uid().unwrap_or_default(),
        run: spec.run.clone(),
        run_uid: spec.run_uid.clone(),
        pool: spec.pool.clone(),
        node: repair.node.clone(),
        steps: header.steps,
        drain_rules: Vec::new(),
        remediation: name,
    })
}

async fn page(client: &Client, run: &str, index: u32) -> Result<PlanPage, SagaError> {
    let api: Api<PlanPage> = Api::all(client.clone());
    let name = page_name(run, index as usize);
    Ok(api.get(&name).await.map_err(StoreError::of::<PlanPage>(&name))?)
}

fn refused(name: &str, problem: &str) -> SagaError {
    SagaError::Refused(format!("remediation/{name}: {problem}"))
}
