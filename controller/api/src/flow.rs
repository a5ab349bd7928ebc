//! The `FlowSchema` that keeps the renewals of our Lease out of the crowd: an API server that is overrun must not take the
//! leadership from a controller that works well. Its own schema for elections covers the namespace `kube-system` alone.

use k8s_openapi::api::flowcontrol::v1::{
    FlowDistinguisherMethod, FlowSchema, FlowSchemaSpec, PolicyRulesWithSubjects,
    PriorityLevelConfigurationReference, ResourcePolicyRule, ServiceAccountSubject, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::install::NAME;

/// Behind the API server's own schema for elections, which has 100, and before those for everybody.
const PRECEDENCE: i32 = 150;
/// The API server's own level for elections.
const LEVEL: &str = "leader-election";

/// The schema for a controller whose identity and Lease are in `namespace`.
pub fn schema(namespace: &str) -> FlowSchema {
    let identity = ServiceAccountSubject { name: NAME.to_owned(), namespace: namespace.to_owned() };
    let subject =
        Subject { kind: "ServiceAccount".to_owned(), service_account: Some(identity), ..Subject::default() };
    let leases = ResourcePolicyRule {
        api_groups: vec!["coordination.k8s.io".to_owned()],
        resources: vec!["leases".to_owned()],
        verbs: ["get", "create", "update"].map(str::to_owned).into(),
        namespaces: Some(vec![namespace.to_owned()]),
        cluster_scope: None,
    };
    let rule = PolicyRulesWithSubjects {
        subjects: vec![subject],
        resource_rules: Some(vec![leases]),
        ..PolicyRulesWithSubjects::default()
    };
    let spec = FlowSchemaSpec {
        matching_precedence: Some(PRECEDENCE),
        priority_level_configuration: PriorityLevelConfigurationReference { name: LEVEL.to_owned() },
        distinguisher_method: Some(FlowDistinguisherMethod { type_: "ByUser".to_owned() }),
        rules: Some(vec![rule]),
    };
    let metadata = ObjectMeta { name: Some(format!("{NAME}-leader-election")), ..ObjectMeta::default() };
    FlowSchema { metadata, spec: Some(spec), ..FlowSchema::default() }
}
