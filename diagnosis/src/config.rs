//! What people set for checks, refused as a whole if any of it would be ignored.

use std::collections::BTreeMap;

use nodemend_core::ids::CheckId;

use crate::check::Check;
use crate::registry;

/// The settings of one check, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckConfig(BTreeMap<String, String>);

/// The settings of all checks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckConfigs(BTreeMap<CheckId, CheckConfig>);

/// A setting that nothing would honour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such check.
    #[error("no check is called `{check}`; there are {known}")]
    UnknownCheck {
        /// The name given.
        check: CheckId,
        /// The names there are.
        known: String,
    },
    /// The check has no such setting.
    #[error("check `{check}` has no setting `{name}`; it has {known}")]
    UnknownSetting {
        /// The check.
        check: CheckId,
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The value cannot be used.
    #[error("setting `{name}` of check `{check}`: {reason}")]
    BadValue {
        /// The check.
        check: CheckId,
        /// The setting.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
}

impl CheckConfig {
    /// The value of a setting, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl CheckConfigs {
    /// Settings as people write them: check id, then name and value.
    pub fn new(settings: BTreeMap<CheckId, BTreeMap<String, String>>) -> Result<Self, ConfigError> {
        for (id, values) in &settings {
            let check = registry::find(id).ok_or_else(|| ConfigError::UnknownCheck {
                check: id.clone(),
                known: list(registry::all().map(Check::id)),
            })?;
            values.iter().try_for_each(|(name, value)| validate(check, name, value))?;
        }
        Ok(Self(settings.into_iter().map(|(id, values)| (id, CheckConfig(values))).collect()))
    }

    /// The settings of one check; empty if nobody set any.
    pub fn of(&self, check: &CheckId) -> CheckConfig {
        self.0.get(check).cloned().unwrap_or_default()
    }
}

fn validate(check: &dyn Check, name: &str, value: &str) -> Result<(), ConfigError> {
    let id = CheckId::from(check.id());
    let Some(setting) = check.settings().iter().find(|setting| setting.name == name) else {
        let known = list(check.settings().iter().map(|setting| setting.name));
        return Err(ConfigError::UnknownSetting { check: id, name: name.to_owned(), known });
    };
    match (setting.fault)(value) {
        None => Ok(()),
        Some(reason) => Err(ConfigError::BadValue { check: id, name: name.to_owned(), reason }),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs(check: &str, name: &str, value: &str) -> Result<CheckConfigs, ConfigError> {
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        CheckConfigs::new(BTreeMap::from([(check.into(), values)]))
    }

    #[test]
    fn a_setting_is_found_under_its_check() {
        let configs = configs("insp.version.systemd", "minVersion", "219-67").unwrap();
        assert_eq!(configs.of(&"insp.version.systemd".into()).get("minVersion"), Some("219-67"));
        assert_eq!(configs.of(&"node.systemd-dbus".into()).get("minVersion"), None);
    }

    #[test]
    fn what_nothing_would_honour_is_refused_by_name() {
        for (check, name, value, expected) in [
            ("insp.version.sytemd", "minVersion", "219-67", "no check is called `insp.version.sytemd`"),
            ("insp.version.systemd", "minversion", "219-67", "no setting `minversion`; it has `minVersion`"),
            ("node.systemd-dbus", "timeout", "5s", "no setting `timeout`; it has none"),
            ("insp.version.systemd", "minVersion", "219", "`219` is not an RPM version"),
        ] {
            let error = configs(check, name, value).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
