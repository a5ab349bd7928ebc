//! The `CustomResourceDefinitions`, as the API server takes them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::guard::RepairGuard;
use crate::hold::Hold;
use crate::plan_page::PlanPage;
use crate::playbook::Playbook;
use crate::policy::RepairPolicy;
use crate::pool::RepairPool;
use crate::remediation::Remediation;
use crate::report::DiagnosisReport;
use crate::run::RepairRun;
use crate::yaml::{self, YamlError};

/// All kinds, in the order in which a reader meets them.
pub fn all() -> Vec<CustomResourceDefinition> {
    let crds = [
        RepairPool::crd(),
        Playbook::crd(),
        RepairPolicy::crd(),
        RepairRun::crd(),
        PlanPage::crd(),
        Remediation::crd(),
        Hold::crd(),
        RepairGuard::crd(),
        DiagnosisReport::crd(),
    ];
    crds.into_iter().map(tidied).collect()
}

/// All kinds as YAML documents.
pub fn yaml() -> Result<String, YamlError> {
    yaml::documents(&all())
}

fn tidied(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()).for_each(tidy);
    crd
}

/// Brings the schema that schemars derives into the form that the API server likes best.
fn tidy(schema: &mut JSONSchemaProps) {
    // Without `nullable` the API server drops nulls before it validates, so that `has()` in rules means "is set".
    schema.nullable = None;
    // Formats of Rust, which Kubernetes does not know; the minimum that stands beside them says the same.
    schema.format.take_if(|format| format.starts_with("uint"));
    // Forbidden in CRDs, which drop unknown fields anyway.
    schema.additional_properties.take_if(|extra| matches!(extra, JSONSchemaPropsOrBool::Bool(false)));
    children(schema).into_iter().for_each(tidy);
}

fn children(schema: &mut JSONSchemaProps) -> Vec<&mut JSONSchemaProps> {
    let mut children: Vec<_> = schema.properties.iter_mut().flatten().map(|(_, child)| child).collect();
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        children.push(values);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => children.push(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => children.extend(items),
        None => {}
    }
    children.extend(schema.one_of.iter_mut().flatten());
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_cluster_scoped_and_in_the_category() {
        let crds = all();
        assert_eq!(crds.len(), 9);
        for crd in crds {
            assert_eq!(crd.spec.scope, "Cluster", "{:?}", crd.metadata.name);
            assert_eq!(crd.spec.names.categories.as_deref(), Some(&["nodemend".to_owned()][..]));
        }
    }

    #[test]
    fn a_kind_has_a_status_subresource_exactly_if_somebody_reports_on_it() {
        let without: Vec<_> = all()
            .into_iter()
            .filter(|crd| crd.spec.versions[0].subresources.is_none())
            .map(|crd| crd.spec.names.kind)
            .collect();
        assert_eq!(without, ["Playbook", "PlanPage", "Hold"]);
    }

    #[test]
    fn schemas_hold_nothing_that_kubernetes_does_not_know() {
        let text = yaml().unwrap();
        for unknown in ["nullable:", "uint", "additionalProperties: false"] {
            assert!(!text.contains(unknown), "{unknown}");
        }
    }
}
