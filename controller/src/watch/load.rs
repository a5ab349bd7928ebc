//! The world at one moment, by lists: what the operator's tool looks at.

use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource};
use nodemend_api::guard::RepairGuard;
use nodemend_api::hold::Hold;
use nodemend_api::plan_page::PlanPage;
use nodemend_api::playbook::Playbook;
use nodemend_api::policy::RepairPolicy;
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::Remediation;
use nodemend_api::report::DiagnosisReport;
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::Snapshot;
use serde::de::DeserializeOwned;

use super::{Known, NodeView, PAGE, Row};

/// A kind that could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {kind} objects: {source}")]
pub struct LoadError {
    /// The kind.
    pub kind: &'static str,
    /// What the API server, or the way to it, said.
    #[source]
    pub source: kube::Error,
}

/// Lists everything that decisions are made from.
pub async fn load(client: &Client) -> Result<Snapshot, LoadError> {
    let mut known = Known { whole: true, ..Known::default() };
    list::<NodeView>(client, &mut known).await?;
    list::<DeserializeGuard<RepairGuard>>(client, &mut known).await?;
    list::<DeserializeGuard<RepairPool>>(client, &mut known).await?;
    list::<DeserializeGuard<RepairPolicy>>(client, &mut known).await?;
    list::<DeserializeGuard<Playbook>>(client, &mut known).await?;
    list::<DeserializeGuard<RepairRun>>(client, &mut known).await?;
    list::<DeserializeGuard<PlanPage>>(client, &mut known).await?;
    list::<DeserializeGuard<Remediation>>(client, &mut known).await?;
    list::<DeserializeGuard<Hold>>(client, &mut known).await?;
    list::<DeserializeGuard<DiagnosisReport>>(client, &mut known).await?;
    Ok(known.snapshot)
}

async fn list<K>(client: &Client, known: &mut Known) -> Result<(), LoadError>
where
    K: Row + Clone + std::fmt::Debug + DeserializeOwned,
{
    let listed = each(client, ListParams::default(), |object: K| object.put(known)).await;
    listed.map_err(|source| LoadError { kind: K::row_kind(), source })
}

/// Lists a kind page by page, as of one moment: what `take` does not keep is gone before the next page is read.
pub(crate) async fn each<K>(
    client: &Client,
    params: ListParams,
    mut take: impl FnMut(K),
) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let mut params = params.limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        page.items.into_iter().for_each(&mut take);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(()),
        }
    }
}
