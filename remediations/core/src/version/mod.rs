//! Versions are compared by the scheme of what they are, never across schemes.
//!
//! `219-67` is an RPM version and `1.2.0` a semantic one; a string comparison gets both wrong. Debian and kernel
//! versions get a variant of [`Scheme`] and a file of their own when a check needs them.

pub mod advisory;
pub mod rpm;

use std::cmp::Ordering;

pub use advisory::{Advisory, Host, Verdict, at_least};
pub use rpm::{Dist, Evr, Incomparable, ParseError};

/// How a version is written and ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `[epoch:]version-release`, ordered as the RPM package manager orders it.
    Rpm,
    /// `major.minor.patch[-pre][+build]`, with or without a leading `v`.
    Semver,
}

/// Two versions that cannot be ordered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// One of them is not an RPM version.
    #[error(transparent)]
    Rpm(#[from] ParseError),
    /// Both are RPM versions, but their order would say nothing.
    #[error(transparent)]
    Incomparable(#[from] Incomparable),
    /// One of them is not a semantic version.
    #[error("`{text}` is not a semantic version such as 1.2.0: {reason}")]
    Semver {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Scheme {
    /// Orders two versions of this scheme.
    pub fn compare(self, left: &str, right: &str) -> Result<Ordering, CompareError> {
        match self {
            Self::Rpm => Ok(left.parse::<Evr>()?.compare(&right.parse()?)?),
            Self::Semver => Ok(semantic(left)?.cmp_precedence(&semantic(right)?)),
        }
    }
}

/// A semantic version, with or without the `v` that Kubernetes and Git tags put in front.
pub fn semantic(text: &str) -> Result<semver::Version, CompareError> {
    semver::Version::parse(text.strip_prefix('v').unwrap_or(text))
        .map_err(|error| CompareError::Semver { text: text.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_orders_its_own_versions() {
        assert_eq!(Scheme::Rpm.compare("219-9.el7", "219-10.el7"), Ok(Ordering::Less));
        assert_eq!(Scheme::Semver.compare("v1.9.0", "1.10.0"), Ok(Ordering::Less));
        assert_eq!(Scheme::Semver.compare("1.0.0-rc.1", "1.0.0"), Ok(Ordering::Less));
        assert_eq!(Scheme::Semver.compare("1.0.0+a", "1.0.0+b"), Ok(Ordering::Equal));
    }

    #[test]
    fn a_version_of_another_scheme_is_an_error_that_names_it() {
        let error = Scheme::Semver.compare("219-67", "1.0.0").unwrap_err();
        assert!(error.to_string().contains("`219-67` is not a semantic version"), "{error}");
        let error = Scheme::Rpm.compare("219-67", "1.0.0").unwrap_err();
        assert!(error.to_string().contains("`1.0.0` is not an RPM version"), "{error}");
    }
}
