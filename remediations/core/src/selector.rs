//! Label selectors with Kubernetes's meaning, decided without an API server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// A selection of objects by label; all parts must match. An empty selector selects **nothing** here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selector {
    /// Labels that must be there with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: Labels,
    /// Requirements on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what; empty for `Exists` and `DoesNotExist`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// The operators of Kubernetes's `LabelSelectorRequirement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Operator {
    /// The label is there, with one of the values.
    In,
    /// The label has none of the values, or is not there.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

impl Selector {
    /// A selector of one label.
    pub fn label(key: &str, value: &str) -> Self {
        Self { match_labels: Labels::from([(key.to_owned(), value.to_owned())]), ..Self::default() }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Whether `labels` are selected. An empty selector selects nothing: a forgotten one must not mean every node.
    pub fn matches(&self, labels: &Labels) -> bool {
        !self.is_empty()
            && self.match_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
            && self.match_expressions.iter().all(|r| r.matches(labels))
    }

    /// The selector as the API server takes it in a list request.
    pub fn to_query(&self) -> String {
        let labels = self.match_labels.iter().map(|(k, v)| format!("{k}={v}"));
        labels.chain(self.match_expressions.iter().map(Requirement::to_query)).collect::<Vec<_>>().join(",")
    }
}

impl Requirement {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|v| self.values.contains(v)),
            Operator::NotIn => value.is_none_or(|v| !self.values.contains(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }

    fn to_query(&self) -> String {
        let values = self.values.join(",");
        match self.operator {
            Operator::In => format!("{} in ({values})", self.key),
            Operator::NotIn => format!("{} notin ({values})", self.key),
            Operator::Exists => self.key.clone(),
            Operator::DoesNotExist => format!("!{}", self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        assert!(!Selector::default().matches(&labels(&[("pool", "web")])));
        assert!(!Selector::default().matches(&Labels::new()));
    }

    #[test]
    fn all_parts_must_match() {
        let selector = Selector {
            match_labels: labels(&[("pool", "web")]),
            match_expressions: vec![
                Requirement { key: "gpu".into(), operator: Operator::DoesNotExist, values: vec![] },
                Requirement { key: "zone".into(), operator: Operator::NotIn, values: vec!["c".into()] },
            ],
        };
        assert!(selector.matches(&labels(&[("pool", "web"), ("zone", "a")])));
        assert!(selector.matches(&labels(&[("pool", "web")])));
        assert!(!selector.matches(&labels(&[("pool", "web"), ("zone", "c")])));
        assert!(!selector.matches(&labels(&[("pool", "web"), ("gpu", "")])));
        assert_eq!(selector.to_query(), "pool=web,!gpu,zone notin (c)");
    }
}
