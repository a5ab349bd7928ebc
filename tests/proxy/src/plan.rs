//! What is to go wrong, and where: a file that a person can write, and that a log of a run can be turned into.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::request::Request;

/// A rule's verb that stands for all that change something.
const WRITE: &str = "write";
/// Among how many writes a seed chooses: the repair of a node has about fifty.
const CHOICE: u64 = 60;

/// Faults, each at one place. Rules are independent: each counts for itself what it matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The rules; of several that match one request at their count, the first acts.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// One fault at the n-th request that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The verb, as in [`Request::verb`]; `*` is any, `write` any that changes something.
    #[serde(default = "any")]
    pub verb: String,
    /// The resource, such as `nodes` or `pods/eviction`; `*` is any.
    #[serde(default = "any")]
    pub resource: String,
    /// The object's name; `*` stands for any characters.
    #[serde(default = "any")]
    pub name: String,
    /// Which of them, counted from 1.
    #[serde(default = "first")]
    pub nth: u32,
    /// How many from that one on.
    #[serde(default = "first")]
    pub times: u32,
    /// What happens to it.
    pub fault: Fault,
}

/// What can happen. `before` is: nothing has reached the other side; `after`: it has been done, and nobody has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// The controller is killed.
    Kill(When),
    /// The connection ends without an answer.
    Drop(When),
    /// The proxy answers with this HTTP status.
    #[serde(rename_all = "camelCase")]
    Answer {
        /// The status, such as 409.
        code: u16,
        /// Whether the API server gets the request.
        when: When,
    },
    /// The API server is asked for a dry run, and its answer passed on: the controller believes what has not been done.
    Forge,
    /// Nothing passes for so many seconds, then the connection ends.
    #[serde(rename_all = "camelCase")]
    Hang {
        /// Whether the other side gets the request.
        when: When,
        /// How long.
        seconds: u64,
    },
    /// Events of a watch are kept back.
    Events(Kept),
    /// A list is answered with the oldest answer that was given to the same question.
    StaleList,
}

/// How far the other side gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// It hears nothing of the request. Of a command over SSH: the login is done, the command does not start.
    Before,
    /// It hears half of it. Over SSH alone: the command has started and its request is cut.
    During,
    /// It has done what was asked.
    After,
}

/// Events that are kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kept {
    /// How many events of this watch pass before.
    #[serde(default)]
    pub after: u32,
    /// For how long.
    pub seconds: u64,
    /// Whether only the last one about each object is told then.
    #[serde(default)]
    pub coalesced: bool,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("cannot read the plan {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no plan.
    #[error("{path} is not a plan: {problem}; tests/proxy/README.md has the form")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

impl Plan {
    /// One fault at the n-th request of this verb, resource and name.
    pub fn at(request: &Request, nth: u32, fault: Fault) -> Self {
        let (verb, resource, name) = (request.verb.clone(), request.resource.clone(), request.name.clone());
        let name = if name.is_empty() { any() } else { name };
        let resource = if resource.is_empty() { any() } else { resource };
        Self { rules: vec![Rule { verb, resource, name, nth, times: 1, fault }] }
    }

    /// A plan that a number decides: one fault at one of the first sixty writes.
    pub fn of_seed(seed: u64) -> Self {
        let [place, choice] = [1, 2].map(|turn| mixed(seed.wrapping_mul(2).wrapping_add(turn)));
        let answer = |code, when| Fault::Answer { code, when };
        let faults = [
            Fault::Kill(When::Before),
            Fault::Kill(When::After),
            Fault::Drop(When::Before),
            Fault::Drop(When::After),
            answer(409, When::Before),
            answer(410, When::Before),
            answer(429, When::Before),
            answer(500, When::After),
            answer(504, When::After),
        ];
        let fault = faults[usize::try_from(choice).unwrap_or_default() % faults.len()];
        let nth = u32::try_from(place % CHOICE).unwrap_or_default() + 1;
        let rule = Rule { verb: WRITE.to_owned(), resource: any(), name: any(), nth, times: 1, fault };
        Self { rules: vec![rule] }
    }

    /// Reads a plan, YAML or JSON.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::File { path: path.to_owned(), source })?;
        let wrong = |error: serde_saphyr::Error| PlanError::Form {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        serde_saphyr::from_str(&text).map_err(wrong)
    }
}

impl Rule {
    /// Whether the request is one of those that are counted.
    pub fn matches(&self, request: &Request) -> bool {
        let is_verb =
            if self.verb == WRITE { request.is_write() } else { is_like(&self.verb, &request.verb) };
        is_verb && is_like(&self.resource, &request.resource) && is_like(&self.name, &request.name)
    }

    /// Whether it acts on the request that is the `count`-th of those that match.
    pub const fn acts_on(&self, count: u32) -> bool {
        count >= self.nth && count < self.nth.saturating_add(self.times)
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for any characters.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A number that looks like chance (the finalizer of `SplitMix64`).
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn any() -> String {
    "*".to_owned()
}

const fn first() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars() {
        for (pattern, text, like) in [
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("run-*", "run-1", true),
            ("*-1", "run-1", true),
            ("r*n*1", "run-1", true),
            ("r*x*1", "run-1", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }

    #[test]
    fn a_plan_is_a_file_that_a_person_can_write() {
        let text = "
rules:
  - {verb: update, resource: remediations/status, nth: 3, fault: {kill: after}}
  - {verb: patch, resource: nodes, name: web-*, fault: {answer: {code: 409, when: before}}}
  - {verb: watch, resource: holds, times: 9, fault: {events: {seconds: 5, coalesced: true}}}
  - {verb: ssh, nth: 2, fault: {hang: {when: after, seconds: 5}}}
";
        let plan: Plan = serde_saphyr::from_str(text).unwrap();
        assert_eq!(plan.rules.len(), 4);
        assert_eq!(plan.rules[0].fault, Fault::Kill(When::After));
        assert_eq!((plan.rules[1].nth, plan.rules[1].name.as_str()), (1, "web-*"));
        let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(again, plan);
    }

    #[test]
    fn a_seed_gives_the_same_plan_again_and_others_give_others() {
        assert_eq!(Plan::of_seed(7), Plan::of_seed(7));
        let plans = (0..100).map(|seed| serde_json::to_string(&Plan::of_seed(seed)).unwrap());
        assert!(plans.collect::<std::collections::BTreeSet<_>>().len() > 80);
        let places = (0..1000).map(|seed| Plan::of_seed(seed).rules[0].nth);
        assert_eq!(places.collect::<std::collections::BTreeSet<_>>().len(), 60, "every place comes");
    }

    #[test]
    fn a_rule_for_writes_counts_writes_alone() {
        let rule = &Plan::of_seed(1).rules[0];
        let request = |verb: &str| Request {
            verb: verb.into(),
            resource: "nodes".into(),
            namespace: String::new(),
            name: "a".into(),
        };
        let matched = ["get", "list", "watch", "ssh"].map(|verb| rule.matches(&request(verb)));
        assert_eq!(matched, [false; 4]);
        assert!(rule.matches(&request("patch")));
    }

    #[test]
    fn a_plan_with_an_unknown_fault_is_refused() {
        assert!(serde_saphyr::from_str::<Plan>("rules: [{verb: get, fault: {explode: now}}]").is_err());
    }
}
