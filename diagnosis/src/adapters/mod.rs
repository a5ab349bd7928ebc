//! Findings that others make: each source in its own file, in our terms.

pub mod conditions;
