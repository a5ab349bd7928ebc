//! How many nodes may be out of service at once, and how many may be started in a while.

mod rate;
pub mod room;
mod sets;

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::ids::{NodeUid, RunUid};
use crate::time::{Span, Time};

pub use rate::{Start, Starts};
pub use sets::{Area, Sets};

/// A count, or a share of a whole written as `"20%"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrPercent {
    /// A count.
    Int(u32),
    /// A share, `"0%"` to `"100%"`.
    Percent(String),
}

/// A text that is not a percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a whole number nor a percentage from 0% to 100%")]
pub struct NotAShare(String);

impl IntOrPercent {
    /// How many of `total` that is: percentages are rounded down, and are at least 1 unless 0% is written.
    pub fn of(&self, total: usize) -> Result<usize, NotAShare> {
        match self {
            Self::Int(count) => Ok(*count as usize),
            Self::Percent(text) => {
                let percent =
                    text.strip_suffix('%').and_then(|n| n.parse::<usize>().ok()).filter(|n| *n <= 100);
                let percent = percent.ok_or_else(|| NotAShare(text.clone()))?;
                Ok(if percent == 0 { 0 } else { (total * percent / 100).max(1) })
            }
        }
    }
}

impl Default for IntOrPercent {
    /// None at all.
    fn default() -> Self {
        Self::Int(0)
    }
}

impl fmt::Display for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(count) => write!(f, "{count}"),
            Self::Percent(text) => f.write_str(text),
        }
    }
}

impl JsonSchema for IntOrPercent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IntOrPercent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Kubernetes's own form for such a value; a pattern beside it applies to the text form alone.
        json_schema!({"x-kubernetes-int-or-string": true, "pattern": "^(100|[1-9]?[0-9])%$", "minimum": 0})
    }

    fn inline_schema() -> bool {
        true
    }
}

/// How much of a pool, or of the cluster, may be out of service at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Nodes that may be unavailable at once, whoever made them so. Percentages round down, at least 1 unless 0 is written.
    pub max_unavailable: IntOrPercent,
    /// Nodes that may be under repair at once; absent means `maxUnavailable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<IntOrPercent>,
    /// Limits within each zone (label `topology.kubernetes.io/zone`), beside those of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_zone: Option<ZoneBudget>,
    /// Node starts per period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

impl Budget {
    /// So many unavailable, and as many in flight, without further limits.
    pub const fn of(max_unavailable: IntOrPercent) -> Self {
        Self { max_unavailable, max_in_flight: None, per_zone: None, rate: None }
    }
}

/// How much of each zone may be out of service at once. Percentages are of the zone's nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZoneBudget {
    /// Nodes of one zone that may be unavailable at once, whoever made them so.
    pub max_unavailable: IntOrPercent,
    /// Nodes of one zone that may be under repair at once; absent means `maxUnavailable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<IntOrPercent>,
}

/// Node starts per period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// How many.
    pub nodes: u32,
    /// In how long.
    pub per: Span,
}

/// A permission for one node's repair, written to the status of guard and pool before anything is done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Name of the Remediation.
    pub remediation: String,
    /// UID of the node.
    #[serde(rename = "nodeUID")]
    pub node_uid: NodeUid,
    /// Name of the node, for people.
    pub node: String,
    /// Zone of the node, so that it still counts there when the node is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Name of the pool.
    pub pool: String,
    /// UID of the run.
    #[serde(rename = "runUID")]
    pub run_uid: RunUid,
    /// When it was given.
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_down_but_not_to_nothing() {
        let percent = |text: &str, total| IntOrPercent::Percent(text.into()).of(total);
        assert_eq!(percent("20%", 14), Ok(2));
        assert_eq!(percent("20%", 4), Ok(1));
        assert_eq!(percent("0%", 4), Ok(0));
        assert_eq!(percent("100%", 4), Ok(4));
        assert!(percent("101%", 4).is_err());
        assert!(percent("-5%", 4).is_err());
        assert_eq!(IntOrPercent::Int(0).of(4), Ok(0));
    }
}
