//! `nodemend get -o yaml|json`: the objects as the API server has them, without what no reader wants.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Node;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Resource};
use nodemend_api::guard::RepairGuard;
use nodemend_api::hold::Hold;
use nodemend_api::playbook::Playbook;
use nodemend_api::policy::RepairPolicy;
use nodemend_api::pool::RepairPool;
use nodemend_api::report::DiagnosisReport;
use nodemend_api::run::RepairRun;
use serde_json::json;

use super::What;
use crate::cli::CliError;
use crate::cli::client::Cluster;
use crate::cli::error::Asked;
use crate::cli::output::{Format, print_object};

/// Prints the objects: one by itself, several as a list.
pub(super) async fn print(
    cluster: &Cluster,
    what: What,
    names: &[String],
    format: Format,
) -> Result<ExitCode, CliError> {
    let resource = resource(what);
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource);
    let mut objects = Vec::new();
    if names.is_empty() {
        let list = api.list(&ListParams::default()).await;
        objects = list.map_err(|error| cluster.failed(Asked::list(&resource.kind), &error))?.items;
    }
    for name in names {
        let asked = Asked::of("get", &resource.kind, name);
        objects.push(api.get(name).await.map_err(|error| cluster.failed(asked, &error))?);
    }
    for object in &mut objects {
        object.metadata.managed_fields = None;
        object.types.get_or_insert_with(|| kube::core::TypeMeta {
            api_version: resource.api_version.clone(),
            kind: resource.kind.clone(),
        });
    }
    match objects.as_slice() {
        [one] if names.len() == 1 => print_object(one, format),
        _ => print_object(&json!({"apiVersion": "v1", "kind": "List", "items": objects}), format),
    }
}

fn resource(what: What) -> ApiResource {
    fn of<K: Resource<DynamicType = ()>>() -> ApiResource {
        ApiResource::erase::<K>(&())
    }
    match what {
        What::Pools => of::<RepairPool>(),
        What::Policies => of::<RepairPolicy>(),
        What::Runs | What::Run => of::<RepairRun>(),
        What::Holds => of::<Hold>(),
        What::Playbooks => of::<Playbook>(),
        What::Nodes => of::<Node>(),
        What::Reports => of::<DiagnosisReport>(),
        What::Guard => of::<RepairGuard>(),
    }
}
