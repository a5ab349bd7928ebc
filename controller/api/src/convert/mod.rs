//! From objects of the API server to the rows that core decides on.
//!
//! One `From` or `TryFrom` per kind. Fields that are set and not honoured yet are named in the row's `unsupported`,
//! which core treats as a closed gate: what an operator asked for is never silently left out.

mod node;
mod policy;
mod pool;
mod report;
mod run;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time as MetaTime};
use nodemend_core::time::Time;

pub use node::node;

/// An object that cannot be decided on. It is left out, and whatever needs it waits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The API server always sets this field; an object without it was never stored.
    #[error("{kind}/{name} has no {field}: read the object from the API server")]
    Missing {
        /// The object's kind.
        kind: &'static str,
        /// The object's name, or nothing if that is what is missing.
        name: String,
        /// The path of the field.
        field: &'static str,
    },
    /// The field has a value that this version cannot honour.
    #[error("{kind}/{name}: {field} {problem}")]
    Unusable {
        /// The object's kind.
        kind: &'static str,
        /// The object's name.
        name: String,
        /// The path of the field.
        field: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// What identifies an object, taken out of its metadata.
struct Identity<'a> {
    kind: &'static str,
    meta: &'a ObjectMeta,
}

impl Identity<'_> {
    fn name(&self) -> Result<String, ConvertError> {
        self.required(self.meta.name.clone(), "metadata.name")
    }

    fn uid(&self) -> Result<String, ConvertError> {
        self.required(self.meta.uid.clone(), "metadata.uid")
    }

    fn created(&self) -> Result<Time, ConvertError> {
        self.required(self.meta.creation_timestamp.as_ref().map(time), "metadata.creationTimestamp")
    }

    fn required<T>(&self, value: Option<T>, field: &'static str) -> Result<T, ConvertError> {
        let name = self.meta.name.clone().unwrap_or_default();
        value.ok_or(ConvertError::Missing { kind: self.kind, name, field })
    }
}

/// A point in time of the API machinery as core's.
pub fn time(time: &MetaTime) -> Time {
    Time(time.0.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_object_and_field() {
        let meta = ObjectMeta { name: Some("web".into()), ..ObjectMeta::default() };
        let error = Identity { kind: "RepairRun", meta: &meta }.uid().unwrap_err();
        assert_eq!(
            error.to_string(),
            "RepairRun/web has no metadata.uid: read the object from the API server"
        );
    }
}
