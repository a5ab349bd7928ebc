//! RPM versions: `[epoch:]version-release`, their order, and for which distribution a package was built.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// An RPM epoch, version and release.
///
/// Equality and order are RPM's own: `1.05-1` equals `1.5-1`, `~` sorts before and `^` after the bare version.
#[derive(Debug, Clone)]
pub struct Evr {
    epoch: u32,
    version: String,
    release: String,
}

/// The distribution tag of a release: `el7_6` in `62.el7_6.8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dist {
    /// Major version of Enterprise Linux.
    pub major: u32,
    /// Minor version, on packages of an update stream.
    pub minor: Option<u32>,
}

/// A text that is not an RPM version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RPM version: {reason}; write [epoch:]version-release, such as 219-67.el7")]
pub struct ParseError {
    text: String,
    reason: &'static str,
}

/// Two versions whose order would say nothing about which is the better one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// Packages of different major versions of a distribution are built from different sources.
    #[error("`{left}` and `{right}` are built for different major versions of the distribution")]
    Distribution {
        /// One version.
        left: String,
        /// The other.
        right: String,
    },
    /// RPM ranks any number above `el`: `62.8` would be newer than the later build `62.el7_6.9`.
    #[error(
        "`{left}` and `{right}` do not have the distribution tag in the same place: their order says nothing"
    )]
    Form {
        /// One version.
        left: String,
        /// The other.
        right: String,
    },
}

impl Evr {
    /// For which Enterprise Linux the package was built; `None` if the release does not say.
    pub fn dist_tag(&self) -> Option<Dist> {
        self.release.split('.').find_map(Dist::of_segment)
    }

    /// Whether both carry the same upstream version under the same epoch.
    pub fn same_upstream(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.version == other.version
    }

    /// RPM's order, where it means something: see [`Incomparable`].
    pub fn compare(&self, other: &Self) -> Result<Ordering, Incomparable> {
        let texts = || (self.to_string(), other.to_string());
        if let (Some(ours), Some(theirs)) = (self.dist_tag(), other.dist_tag())
            && ours.major != theirs.major
        {
            let (left, right) = texts();
            return Err(Incomparable::Distribution { left, right });
        }
        if !self.orders_before_dist(other) {
            let (left, right) = texts();
            return Err(Incomparable::Form { left, right });
        }
        Ok(self.cmp(other))
    }

    /// Whether the order never depends on a number that meets a distribution tag.
    fn orders_before_dist(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.head(), other.head());
        if !self.same_upstream(other) || ours.first() != theirs.first() {
            return true;
        }
        match (self.dist_tag(), other.dist_tag()) {
            (Some(_), Some(_)) => ours == theirs,
            (Some(_), None) => theirs.len() == 1,
            (None, Some(_)) => ours.len() == 1,
            (None, None) => true,
        }
    }

    /// The segments of the release before the distribution tag.
    fn head(&self) -> Vec<&str> {
        self.release.split('.').take_while(|segment| Dist::of_segment(segment).is_none()).collect()
    }

    fn in_rpm_order(&self) -> rpm_version::Evr<'_> {
        rpm_version::Evr::new(self.epoch.to_string(), self.version.clone(), self.release.clone())
    }
}

impl Dist {
    /// The major version alone, such as `el7`: packages of one family are built from the same line of sources.
    pub fn family(self) -> String {
        format!("el{}", self.major)
    }

    fn of_segment(segment: &str) -> Option<Self> {
        let tag = segment.strip_prefix("el")?;
        match tag.split_once('_') {
            Some((major, minor)) => Some(Self { major: number(major)?, minor: Some(number(minor)?) }),
            None => Some(Self { major: number(tag)?, minor: None }),
        }
    }
}

/// A whole number without a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// What RPM allows in a version and in a release.
fn is_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+~^".contains(&byte))
}

impl FromStr for Evr {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |reason| ParseError { text: text.to_owned(), reason };
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let epoch = number(epoch).ok_or_else(|| error("the epoch is not a number"))?;
        let (version, release) = rest.split_once('-').ok_or_else(|| error("there is no release"))?;
        if !is_part(version) || !is_part(release) {
            return Err(error("version and release are letters, digits and . _ + ~ ^"));
        }
        Ok(Self { epoch, version: version.to_owned(), release: release.to_owned() })
    }
}

impl fmt::Display for Evr {
    /// As `rpm -q` has it: an epoch of zero is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch > 0 {
            write!(f, "{}:", self.epoch)?;
        }
        write!(f, "{}-{}", self.version, self.release)
    }
}

impl Ord for Evr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.in_rpm_order().cmp(&other.in_rpm_order())
    }
}

impl PartialOrd for Evr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Evr {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Evr {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn evr(text: &str) -> Evr {
        text.parse().unwrap()
    }

    #[test]
    fn order_is_rpms_own() {
        for (lower, higher) in [
            ("219-9.el7", "219-10.el7"),
            ("219-62.el7_6.8", "219-62.el7_6.10"),
            ("219-62.el7", "219-62.el7_6.8"),
            ("9:1-1", "10:0-1"),
            ("1.0~rc1-1", "1.0-1"),
            ("1.0~~-1", "1.0~-1"),
            ("1.0-1", "1.0^git1-1"),
            ("1.0^git1-1", "1.0.1-1"),
            ("1.0~rc1^git1-1", "1.0-1"),
            ("1.0~rc1-1", "1.0~rc1^git1-1"),
            ("1.a-1", "1.1-1"),
        ] {
            assert!(evr(lower) < evr(higher), "{lower} < {higher}");
        }
        assert_eq!(evr("1.05-1"), evr("1.5-1"));
        assert_eq!(evr("0:219-62.el7"), evr("219-62.el7"));
    }

    #[test]
    fn the_dist_tag_is_found_where_it_stands() {
        let dist = |release: &str| evr(&format!("1-{release}")).dist_tag();
        assert_eq!(dist("62.el7_6.8"), Some(Dist { major: 7, minor: Some(6) }));
        assert_eq!(dist("13.el8_0.7"), Some(Dist { major: 8, minor: Some(0) }));
        assert_eq!(dist("62.0.4.el7"), Some(Dist { major: 7, minor: None }));
        for none in ["62.8", "78.amzn2", "62.el", "62.el7_", "62.elder7", "9.fc31", "1.el99999999999"] {
            assert_eq!(dist(none), None, "{none}");
        }
    }

    #[test]
    fn an_order_that_says_nothing_is_refused() {
        let compare = |a: &str, b: &str| evr(a).compare(&evr(b));
        assert!(matches!(compare("219-62.el7", "239-16.el8"), Err(Incomparable::Distribution { .. })));
        assert!(matches!(compare("219-62.el7_6.9", "219-62.8"), Err(Incomparable::Form { .. })));
        assert!(matches!(compare("219-62.0.4.el7_6.5", "219-62.el7_6.8"), Err(Incomparable::Form { .. })));
        assert_eq!(compare("219-62.el7_6.8", "219-67"), Ok(Ordering::Less));
        assert_eq!(compare("219-67.el7", "219-67"), Ok(Ordering::Greater));
        assert_eq!(compare("219-78.0.1.el7_9.9", "219-65.el7"), Ok(Ordering::Greater));
    }

    #[test]
    fn what_is_not_a_version_is_refused_with_its_reason() {
        for (text, reason) in [
            ("219", "no release"),
            ("", "no release"),
            ("x:219-67", "epoch is not a number"),
            ("(none):219-67", "epoch is not a number"),
            (":219-67", "epoch is not a number"),
            ("219-", "letters, digits"),
            ("-67", "letters, digits"),
            ("219-67-1", "letters, digits"),
            ("219-67 ; reboot", "letters, digits"),
        ] {
            let error = text.parse::<Evr>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(&format!("`{text}`")), "{error}");
        }
    }

    prop_compose! {
        fn any_evr()(
            epoch in 0u32..3,
            version in "[0-9a-c]{1,3}([.~^][0-9a-c]{1,2}){0,2}",
            release in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(\\.el[78](_[0-9])?)?(\\.[0-9]{1,2})?",
        ) -> Evr {
            Evr { epoch, version, release }
        }
    }

    proptest! {
        #[test]
        fn order_is_total(a in any_evr(), b in any_evr(), c in any_evr()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn comparability_does_not_depend_on_the_side(a in any_evr(), b in any_evr()) {
            prop_assert_eq!(a.compare(&b).ok(), b.compare(&a).ok().map(Ordering::reverse));
        }

        #[test]
        fn writing_and_reading_give_the_same(a in any_evr()) {
            prop_assert_eq!(a.to_string().parse::<Evr>().unwrap(), a);
        }

        #[test]
        fn a_pre_release_sorts_before_and_a_snapshot_after(version in "[0-9]{1,3}(\\.[0-9]{1,3}){0,2}", tail in "[a-z0-9]{1,6}") {
            let bare = evr(&format!("{version}-1"));
            let pre_release = evr(&format!("{version}~{tail}-1"));
            let snapshot = evr(&format!("{version}^{tail}-1"));
            prop_assert!(pre_release < bare && bare < snapshot);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC{0,40}") {
            if let Ok(evr) = text.parse::<Evr>() {
                let _ = (evr.dist_tag(), evr.compare(&evr));
            }
        }
    }
}
