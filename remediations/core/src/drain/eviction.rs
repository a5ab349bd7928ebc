//! What an answer of the eviction API means.
//!
//! The API server answers 429 for a PodDisruptionBudget and for overload alike, and 500 for two budgets on one pod:
//! status codes alone do not tell.

use crate::blocker::Blocker;

/// An answer to an eviction or a deletion of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvictionAnswer {
    /// HTTP status; 0 when no answer came.
    pub code: u16,
    /// `message` of the Status.
    pub message: String,
    /// `details.causes[].reason` of the Status.
    pub causes: Vec<String>,
}

/// What became of an eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvictionVerdict {
    /// The pod was told to go.
    Accepted,
    /// The pod is gone, or another one has its name.
    Gone,
    /// A PodDisruptionBudget allows no disruption now.
    Budget,
    /// Several budgets select the pod: the API never evicts it.
    SeveralBudgets,
    /// The pod's namespace is being deleted: the pod goes with it.
    NamespaceTerminating,
    /// An admission webhook of this name said no.
    Webhook(String),
    /// The API server has too much to do, or something was changed at the same time: try again.
    Again,
    /// Nobody knows; the next look at the pod tells.
    Unclear,
    /// Refused for another reason.
    Rejected,
}

/// What `answer` means.
pub fn verdict(answer: &EvictionAnswer) -> EvictionVerdict {
    let cause = |reason: &str| answer.causes.iter().any(|c| c == reason);
    match answer.code {
        200..=299 => EvictionVerdict::Accepted,
        404 => EvictionVerdict::Gone,
        // Our precondition failed: another pod under the same name.
        409 if answer.message.contains("UID in precondition") => EvictionVerdict::Gone,
        429 if cause("DisruptionBudget") => EvictionVerdict::Budget,
        409 | 429 => EvictionVerdict::Again,
        403 if cause("NamespaceTerminating") => EvictionVerdict::NamespaceTerminating,
        500 if answer.message.contains("more than one PodDisruptionBudget") => {
            EvictionVerdict::SeveralBudgets
        }
        0 | 500..=599 => webhook(&answer.message).unwrap_or(EvictionVerdict::Unclear),
        _ => webhook(&answer.message).unwrap_or(EvictionVerdict::Rejected),
    }
}

/// The name in `admission webhook "NAME" denied …` and in `failed calling webhook "NAME": …`.
fn webhook(message: &str) -> Option<EvictionVerdict> {
    let (_, rest) = message.split_once("webhook \"")?;
    let (name, _) = rest.split_once('"')?;
    Some(EvictionVerdict::Webhook(name.to_owned()))
}

impl EvictionVerdict {
    /// What keeps `pod` (`namespace/name`) from going; none while it goes. `budgets` are those that select it,
    /// as `namespace/name`.
    pub fn blockers(&self, pod: &str, budgets: &[String], answer: &EvictionAnswer) -> Vec<Blocker> {
        let one = |reason: &str, object: String, next: String| vec![Blocker::new(reason, object, next)];
        let on_pod = |reason: &str, next: &str| {
            one(reason, format!("pod/{pod}"), format!("{next}: {}", answer.message))
        };
        match self {
            Self::Accepted | Self::Gone => Vec::new(),
            Self::Budget => budget_blockers(pod, budgets),
            Self::SeveralBudgets => {
                on_pod("SeveralBudgets", &format!("leave one of its budgets ({})", budgets.join(", ")))
            }
            Self::NamespaceTerminating => on_pod("NamespaceTerminating", "it goes with its namespace"),
            Self::Webhook(name) => one(
                "AdmissionWebhook",
                format!("webhook/{name}"),
                format!("lets pod {pod} not be evicted: {}", answer.message),
            ),
            Self::Again => {
                on_pod("TryAgain", "the API server is busy or the pod changed; the next round tries again")
            }
            Self::Unclear => on_pod("EvictionUnclear", "the next round looks at the pod again"),
            Self::Rejected => on_pod("EvictionRejected", "the API server refused the eviction"),
        }
    }
}

/// One per budget; the pod itself where the budgets could not be read.
fn budget_blockers(pod: &str, budgets: &[String]) -> Vec<Blocker> {
    const REASON: &str = "PodDisruptionBudget";
    if budgets.is_empty() {
        return vec![Blocker::new(
            REASON,
            format!("pod/{pod}"),
            "a budget that could not be named allows no disruption now",
        )];
    }
    let next =
        format!("allows no disruption now, pod {pod} waits; make more pods of it Ready or change the budget");
    budgets.iter().map(|b| Blocker::new(REASON, format!("poddisruptionbudget/{b}"), next.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, message: &str, cause: &str) -> EvictionAnswer {
        EvictionAnswer { code, message: message.into(), causes: vec![cause.into()] }
    }

    #[test]
    fn answers_of_an_api_server() {
        use EvictionVerdict as V;
        let uid = "Precondition failed: UID in precondition: a, UID in object meta: b";
        let several = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        let denied = "admission webhook \"guard.example.com\" denied the request: not now";
        for (answer, expected) in [
            (answer(201, "", ""), V::Accepted),
            (answer(404, "pods \"a\" not found", ""), V::Gone),
            (answer(409, uid, ""), V::Gone),
            (answer(409, "the object has been modified", ""), V::Again),
            (
                answer(
                    429,
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    "DisruptionBudget",
                ),
                V::Budget,
            ),
            (answer(429, "too many requests", ""), V::Again),
            (answer(403, "unable to create new content", "NamespaceTerminating"), V::NamespaceTerminating),
            (answer(403, denied, ""), V::Webhook("guard.example.com".into())),
            (answer(403, "cannot create resource pods/eviction", ""), V::Rejected),
            (answer(500, several, ""), V::SeveralBudgets),
            (answer(500, "failed calling webhook \"w\": timeout", ""), V::Webhook("w".into())),
            (answer(504, "timeout", ""), V::Unclear),
            (answer(0, "connection reset", ""), V::Unclear),
        ] {
            assert_eq!(verdict(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn budgets_are_named() {
        let refused = answer(429, "no", "DisruptionBudget");
        let blockers =
            EvictionVerdict::Budget.blockers("web/a", &["web/one".into(), "web/two".into()], &refused);
        let objects: Vec<_> = blockers.iter().map(|b| b.object.as_str()).collect();
        assert_eq!(objects, ["poddisruptionbudget/web/one", "poddisruptionbudget/web/two"]);
        assert_eq!(EvictionVerdict::Budget.blockers("web/a", &[], &refused)[0].object, "pod/web/a");
        assert!(EvictionVerdict::Accepted.blockers("web/a", &[], &refused).is_empty());
    }
}
