//! One eviction or deletion, bound to the pod's UID.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use kube::core::Status;
use nodemend_core::drain::eviction::{About, Cause, EvictionAnswer};
use nodemend_core::drain::filter::PodView;
use nodemend_core::time::Span;
use serde_json::{Value, json};

use super::Cluster;
use super::client::{RequestError, within};

impl Cluster {
    /// Posts an eviction. Not kube's `Api::evict`: that sends `delete_options`, which the API server does not read,
    /// so that UID and grace period would be lost.
    pub(super) async fn evict(&self, pod: &PodView, grace: Option<Span>) -> EvictionAnswer {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        let body = eviction(pod, grace);
        answer(
            within(pods.create_subresource::<Value, Value>(
                "eviction",
                &pod.name,
                &PostParams::default(),
                &body,
            ))
            .await,
        )
    }

    /// Deletes the pod without asking its budgets.
    pub(super) async fn delete(&self, pod: &PodView, grace: Option<Span>) -> EvictionAnswer {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        let params = DeleteParams {
            grace_period_seconds: grace.map(|g| u32::try_from(g.as_duration().as_secs()).unwrap_or(u32::MAX)),
            preconditions: Some(Preconditions { uid: Some(pod.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        answer(within(pods.delete(&pod.name, &params)).await)
    }
}

fn eviction(pod: &PodView, grace: Option<Span>) -> Value {
    let mut body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "namespace": pod.namespace, "name": pod.name },
        "deleteOptions": { "preconditions": { "uid": pod.uid } },
    });
    if let Some(grace) = grace {
        body["deleteOptions"]["gracePeriodSeconds"] = json!(grace.as_duration().as_secs());
    }
    body
}

fn answer<T>(result: Result<T, RequestError>) -> EvictionAnswer {
    match result {
        Ok(_) => EvictionAnswer { code: 200, ..EvictionAnswer::default() },
        Err(RequestError::NoAnswer(message)) => EvictionAnswer { message, ..EvictionAnswer::default() },
        Err(RequestError::Answer(status)) => refusal(*status),
    }
}

fn refusal(status: Status) -> EvictionAnswer {
    let answer = EvictionAnswer { code: status.code, message: status.message, ..EvictionAnswer::default() };
    let Some(details) = status.details else { return answer };
    let seconds = i64::from(details.retry_after_seconds);
    let causes = details.causes.into_iter();
    EvictionAnswer {
        causes: causes.map(|cause| Cause { reason: cause.reason, message: cause.message }).collect(),
        about: About { kind: details.kind, name: details.name },
        retry_after: (seconds > 0).then(|| Span::seconds(seconds)),
        ..answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_is_bound_to_uid_and_grace() {
        let pod =
            PodView { namespace: "web".into(), name: "a".into(), uid: "u".into(), ..PodView::default() };
        let body = eviction(&pod, Some(Span::seconds(7)));
        assert_eq!(
            body["deleteOptions"],
            json!({ "preconditions": { "uid": "u" }, "gracePeriodSeconds": 7 })
        );
        assert_eq!(eviction(&pod, None)["deleteOptions"], json!({ "preconditions": { "uid": "u" } }));
    }

    #[test]
    fn an_answer_keeps_all_that_tells_what_it_means() {
        let status = json!({
            "status": "Failure", "code": 429, "message": "no", "details": {
                "kind": "pods", "name": "a", "retryAfterSeconds": 10,
                "causes": [{ "reason": "DisruptionBudget", "message": "why" }],
            },
        });
        let answer = refusal(serde_json::from_value(status).unwrap());
        assert_eq!((answer.code, answer.retry_after), (429, Some(Span::seconds(10))));
        assert_eq!(
            (answer.causes[0].reason.as_str(), answer.causes[0].message.as_str()),
            ("DisruptionBudget", "why")
        );
        assert_eq!((answer.about.kind.as_str(), answer.about.name.as_str()), ("pods", "a"));
        let plain = Status::failure("Too many requests, please try again later.", "").with_code(429);
        assert_eq!(refusal(plain).retry_after, None);
    }
}
