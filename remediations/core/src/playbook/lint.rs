//! Reading a playbook file: every fault in one go, each with its line, or the playbook.
//!
//! The file is read into a tree that knows where everything stands (`tree`). The tree is held against the JSON
//! schema of the Rust types (`schema`), so that an action's fields are checked without a word about them here.
//! What a schema cannot say is checked by rules: about names and versions here, about parameters
//! (`parameters`), about each step (`step`) and about their order (`steps`).

pub mod document;
mod parameters;
mod schema;
mod step;
mod steps;
mod tree;

use std::fmt;

use super::model::{Playbook, object_name};
use crate::version::semantic;
use document::Document;
use tree::{Node, Position};

/// One fault of a playbook file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Line, counted from 1.
    pub line: u64,
    /// Column, counted from 1.
    pub column: u64,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.reason)
    }
}

impl Fault {
    fn new(at: Position, reason: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, reason: reason.into() }
    }
}

/// The playbook in `text`, a YAML document of kind Playbook, or everything that is wrong with it, by line.
pub fn lint(text: &str) -> Result<Playbook, Vec<Fault>> {
    let root = tree::read(text).map_err(|fault| vec![fault])?;
    let mut faults = schema::faults(&root, document::schema().as_value());
    faults.extend(names(&root));
    faults.extend(parameters::faults(&root));
    faults.extend(steps::faults(&root));
    faults.sort();
    faults.dedup();
    if !faults.is_empty() {
        return Err(faults);
    }
    tree::typed::<Document>(text).map(|document| document.spec).map_err(|fault| vec![fault])
}

/// The version is semantic, and the object is called after name and version.
fn names(root: &Node) -> Vec<Fault> {
    let text = |path: &[&str]| root.at_path(path).and_then(|node| Some((node.as_text()?, node.at)));
    let Some((version, at)) = text(&["spec", "version"]) else { return Vec::new() };
    if let Err(error) = semantic(version) {
        return vec![Fault::new(at, error.to_string())];
    }
    if version.starts_with('v') {
        return vec![Fault::new(at, format!("write the version without the `v`, not `{version}`"))];
    }
    let (Some((name, _)), Some((object, at))) = (text(&["spec", "name"]), text(&["metadata", "name"])) else {
        return Vec::new();
    };
    let wanted = object_name(name, version);
    if object == wanted {
        return Vec::new();
    }
    vec![Fault::new(
        at,
        format!("metadata.name is `{object}`, not `{wanted}`: name and version of the playbook"),
    )]
}

#[cfg(test)]
#[path = "lint/tests.rs"]
mod tests;
