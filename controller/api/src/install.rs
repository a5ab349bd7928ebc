//! What a cluster needs besides the kinds: the controller's namespace, its identity and its rights.

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::yaml::{self, YamlError};
use crate::{crds, rbac};

/// The controller's namespace, unless a chart puts it elsewhere.
pub const NAMESPACE: &str = "nodemend-system";
/// The name of the controller's `ServiceAccount`, of its roles and of their bindings.
pub const NAME: &str = "nodemend";

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Everything for a cluster without Helm: kinds, namespace, identity and rights, as YAML documents.
pub fn yaml() -> Result<String, YamlError> {
    let namespace = Namespace { metadata: named(NAMESPACE, None), ..Namespace::default() };
    let parts = [
        crds::yaml()?,
        yaml::document(&namespace)?,
        yaml::document(&service_account(NAMESPACE))?,
        rights(NAMESPACE)?,
    ];
    Ok(parts.join("---\n"))
}

/// The controller's identity.
pub fn service_account(namespace: &str) -> ServiceAccount {
    ServiceAccount { metadata: named(NAME, Some(namespace)), ..ServiceAccount::default() }
}

/// The controller's roles and their bindings, as YAML documents.
pub fn rights(namespace: &str) -> Result<String, YamlError> {
    let documents = [
        yaml::document(&cluster_role())?,
        yaml::document(&cluster_role_binding(namespace))?,
        yaml::document(&role(namespace))?,
        yaml::document(&role_binding(namespace))?,
    ];
    Ok(documents.join("---\n"))
}

fn cluster_role() -> ClusterRole {
    ClusterRole { metadata: named(NAME, None), rules: Some(rbac::cluster_rules()), ..ClusterRole::default() }
}

fn cluster_role_binding(namespace: &str) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: named(NAME, None),
        role_ref: role_ref("ClusterRole"),
        subjects: Some(vec![subject(namespace)]),
    }
}

fn role(namespace: &str) -> Role {
    Role { metadata: named(NAME, Some(namespace)), rules: Some(rbac::namespace_rules()) }
}

fn role_binding(namespace: &str) -> RoleBinding {
    RoleBinding {
        metadata: named(NAME, Some(namespace)),
        role_ref: role_ref("Role"),
        subjects: Some(vec![subject(namespace)]),
    }
}

fn role_ref(kind: &str) -> RoleRef {
    RoleRef { api_group: RBAC_GROUP.to_owned(), kind: kind.to_owned(), name: NAME.to_owned() }
}

fn subject(namespace: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: NAME.to_owned(),
        namespace: Some(namespace.to_owned()),
        ..Subject::default()
    }
}

fn named(name: &str, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    }
}
