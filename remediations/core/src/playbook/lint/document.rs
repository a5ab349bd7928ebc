//! A playbook as a file: the object that `kubectl apply` would send, and its JSON schema for editors.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::playbook::Playbook;

/// A Playbook object, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Nodemend playbook")]
pub struct Document {
    /// Group and version.
    pub api_version: ApiVersion,
    /// Kind.
    pub kind: Kind,
    /// Name, labels and annotations of the object.
    pub metadata: Metadata,
    /// The playbook.
    pub spec: Playbook,
}

/// Group and version of a Playbook object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The only one.
    #[serde(rename = "nodemend.dev/v1alpha1")]
    V1Alpha1,
}

/// Kind of a Playbook object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// The only one.
    Playbook,
}

/// What a file may say in `metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// `NAME-VERSION` of the playbook.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The JSON schema of a playbook file.
pub fn schema() -> Schema {
    schema_of::<Document>()
}

/// The JSON schema of a type, without references, so that each part can be read by itself.
pub(super) fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}
