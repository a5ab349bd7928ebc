//! What an answer of the eviction API means.
//!
//! The API server answers 429 for a PodDisruptionBudget and for overload alike, 500 for two budgets on one pod, and a
//! webhook may refuse with any status that it likes: status codes alone do not tell.

use crate::blocker::Blocker;
use crate::time::Span;

/// The group's resource by which a Status says that it is about a budget.
const BUDGETS: &str = "poddisruptionbudget";

/// An answer to an eviction or a deletion of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EvictionAnswer {
    /// HTTP status; 0 when no answer came.
    pub code: u16,
    /// `message` of the Status.
    pub message: String,
    /// `details.causes` of the Status.
    pub causes: Vec<Cause>,
    /// What the Status is about.
    pub about: About,
    /// `details.retryAfterSeconds` of the Status: how long the API server asks to be left alone.
    pub retry_after: Option<Span>,
}

/// One cause in a Status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Cause {
    /// A CamelCase word for programs.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// The object that a Status is about: `details.kind` and `details.name`, empty when it does not say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct About {
    /// Kind or resource.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// What became of an eviction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvictionVerdict {
    /// The pod was told to go.
    Accepted,
    /// The pod is gone, or another one has its name.
    Gone,
    /// A PodDisruptionBudget allows no disruption now, or cannot count another one.
    Budget,
    /// Several budgets select the pod: the API never evicts it.
    SeveralBudgets,
    /// The pod's namespace is being deleted: the pod goes with it.
    NamespaceTerminating,
    /// An admission webhook of this name said no, or could not be asked.
    Webhook(String),
    /// A `ValidatingAdmissionPolicy` of this name said no.
    Policy(String),
    /// The API server has too much to do, or something was changed at the same time: try again.
    Again,
    /// Nobody knows; the next look at the pod tells.
    Unclear,
    /// Refused for another reason.
    Rejected,
}

/// What `answer` means. Who refused is asked before the status: admission chooses any.
pub fn verdict(answer: &EvictionAnswer) -> EvictionVerdict {
    if (200..=299).contains(&answer.code) {
        return EvictionVerdict::Accepted;
    }
    admission(&answer.message).unwrap_or_else(|| of_status(answer))
}

fn of_status(answer: &EvictionAnswer) -> EvictionVerdict {
    let cause = |reason: &str| answer.causes.iter().any(|cause| cause.reason == reason);
    match answer.code {
        404 => EvictionVerdict::Gone,
        409 if is_replaced(&answer.message) => EvictionVerdict::Gone,
        429 if cause("DisruptionBudget") => EvictionVerdict::Budget,
        409 | 429 => EvictionVerdict::Again,
        403 if cause("NamespaceTerminating") => EvictionVerdict::NamespaceTerminating,
        // So many pods are on their way that the budget cannot remember another one, or it counts below zero.
        403 if answer.about.kind == BUDGETS => EvictionVerdict::Budget,
        500 if answer.message.contains("more than one PodDisruptionBudget") => {
            EvictionVerdict::SeveralBudgets
        }
        0 | 500..=599 => EvictionVerdict::Unclear,
        _ => EvictionVerdict::Rejected,
    }
}

/// Whether our precondition failed: another pod has the name. The eviction says it in the first way, storage in the
/// second; a conflict of resource versions reads the same but for the word UID.
fn is_replaced(message: &str) -> bool {
    ["UID in the precondition", "UID in precondition"].iter().any(|words| message.contains(words))
}

/// Who in admission refused: the name in `admission webhook "NAME" denied …`, `failed calling webhook "NAME": …` and
/// `ValidatingAdmissionPolicy 'NAME' … denied request`.
fn admission(message: &str) -> Option<EvictionVerdict> {
    if let Some(name) = quoted(message, "webhook \"", '"') {
        return Some(EvictionVerdict::Webhook(name));
    }
    quoted(message, "ValidatingAdmissionPolicy '", '\'').map(EvictionVerdict::Policy)
}

fn quoted(message: &str, before: &str, end: char) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    let (name, _) = rest.split_once(end)?;
    Some(name.to_owned())
}

impl EvictionAnswer {
    /// The name of the budget that refused, where the answer tells it.
    pub fn budget(&self) -> Option<&str> {
        if self.about.kind == BUDGETS {
            return Some(&self.about.name);
        }
        let of_budget = self.causes.iter().find(|cause| cause.reason == "DisruptionBudget")?;
        let (name, _) = of_budget.message.strip_prefix("The disruption budget ")?.split_once(' ')?;
        Some(name)
    }

    /// What it says of a budget, for people.
    fn budget_says(&self) -> &str {
        let of_budget = self.causes.iter().find(|cause| cause.reason == "DisruptionBudget");
        of_budget.map_or(&self.message, |cause| &cause.message)
    }
}

impl EvictionVerdict {
    /// Whether the budgets that select the pod have to be looked up to be named.
    pub fn needs_budgets(&self, answer: &EvictionAnswer) -> bool {
        match self {
            Self::Budget => answer.budget().is_none(),
            other => *other == Self::SeveralBudgets,
        }
    }

    /// What keeps a pod from going; none while it goes. `budgets` are those that select it, by name, if they had to be
    /// looked up.
    pub fn blockers(
        &self,
        namespace: &str,
        pod: &str,
        budgets: &[String],
        answer: &EvictionAnswer,
    ) -> Vec<Blocker> {
        let pod = format!("{namespace}/{pod}");
        let on = |reason: &str, object: String, next: &str| {
            vec![Blocker::new(reason, object, format!("{next}: {}", answer.message))]
        };
        let on_pod = |reason: &str, next: &str| on(reason, format!("pod/{pod}"), next);
        match self {
            Self::Accepted | Self::Gone => Vec::new(),
            Self::Budget => budget_blockers(namespace, &pod, budgets, answer),
            Self::SeveralBudgets => {
                on_pod("SeveralBudgets", &format!("leave one of its budgets ({})", budgets.join(", ")))
            }
            Self::NamespaceTerminating => on_pod("NamespaceTerminating", "it goes with its namespace"),
            Self::Webhook(name) => {
                let next = format!("lets pod {pod} not be evicted");
                on("AdmissionWebhook", format!("webhook/{name}"), &next)
            }
            Self::Policy(name) => {
                let next = format!("lets pod {pod} not be evicted");
                on("AdmissionPolicy", format!("validatingadmissionpolicy/{name}"), &next)
            }
            Self::Again => on_pod("TryAgain", "the API server is busy or the pod changed; it is tried again"),
            Self::Unclear => on_pod("EvictionUnclear", "the next round looks at the pod again"),
            Self::Rejected => on_pod("EvictionRejected", "the API server refused the eviction"),
        }
    }
}

/// One per budget; the pod itself where no budget could be named.
fn budget_blockers(namespace: &str, pod: &str, budgets: &[String], answer: &EvictionAnswer) -> Vec<Blocker> {
    const REASON: &str = "PodDisruptionBudget";
    let told: Vec<String> = answer.budget().map(str::to_owned).into_iter().collect();
    let budgets = if told.is_empty() { budgets } else { &told };
    let says = answer.budget_says();
    if budgets.is_empty() {
        let next = format!("a budget that could not be named allows no disruption now: {says}");
        return vec![Blocker::new(REASON, format!("pod/{pod}"), next)];
    }
    let next = format!(
        "allows no disruption now, pod {pod} waits; make more pods of it Ready or change the budget: {says}"
    );
    let object = |name| format!("poddisruptionbudget/{namespace}/{name}");
    budgets.iter().map(|name| Blocker::new(REASON, object(name), next.clone())).collect()
}

#[cfg(test)]
#[path = "eviction_tests.rs"]
mod tests;
