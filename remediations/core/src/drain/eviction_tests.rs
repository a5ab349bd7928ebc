//! Every answer to an eviction, in the words of the API server; the conformance test of `nodemend-exec` hears most of
//! them from a real one.

use super::*;

const TOO_MANY: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

fn answer(code: u16, message: &str) -> EvictionAnswer {
    EvictionAnswer { code, message: message.into(), ..EvictionAnswer::default() }
}

fn caused(code: u16, reason: &str, message: &str) -> EvictionAnswer {
    let causes = vec![Cause { reason: reason.into(), message: message.into() }];
    EvictionAnswer { causes, ..answer(code, TOO_MANY) }
}

fn about_budget(code: u16, message: &str) -> EvictionAnswer {
    let about = About { kind: "poddisruptionbudget".into(), name: "web".into() };
    EvictionAnswer { about, ..answer(code, message) }
}

fn expect(cases: impl IntoIterator<Item = (EvictionAnswer, EvictionVerdict)>) {
    for (answer, expected) in cases {
        assert_eq!(verdict(&answer), expected, "{answer:?}");
    }
}

#[test]
fn a_pod_that_goes_or_has_gone() {
    use EvictionVerdict::{Accepted, Again, Gone};
    let evicted = "Operation cannot be fulfilled on Pod \"a\": the UID in the precondition (1) does not match the UID \
                   in record (2). The object might have been deleted and then recreated";
    let stored = "Operation cannot be fulfilled on pods \"a\": StorageError: invalid object, Code: 4, \
                  AdditionalErrorMsg: Precondition failed: UID in precondition: 1, UID in object meta: 2";
    let version =
        "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (2)";
    expect([
        (answer(200, ""), Accepted),
        (answer(201, ""), Accepted),
        (answer(404, "pods \"a\" not found"), Gone),
        (answer(409, evicted), Gone),
        (answer(409, stored), Gone),
        (answer(409, version), Again),
        (answer(409, "the object has been modified; please apply your changes to the latest version"), Again),
    ]);
}

#[test]
fn a_budget_is_told_from_an_api_server_that_is_busy() {
    use EvictionVerdict::{Again, Budget, Rejected, SeveralBudgets, Unclear};
    let several =
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    let full = "poddisruptionbudget \"web\" is forbidden: DisruptedPods map too big - too many evictions not confirmed";
    expect([
        (caused(429, "DisruptionBudget", "The disruption budget web needs 2 healthy pods"), Budget),
        (answer(429, "Too many requests, please try again later."), Again),
        (about_budget(403, full), Budget),
        (answer(403, "pods \"a\" is forbidden: cannot create resource \"pods/eviction\""), Rejected),
        (answer(500, several), SeveralBudgets),
        (answer(500, "Internal error occurred: etcdserver: leader changed"), Unclear),
        (answer(503, "apiserver not ready"), Unclear),
        (answer(504, "Timeout: couldn't update PodDisruptionBudget \"web\" due to conflicts"), Unclear),
        (answer(0, "connection reset"), Unclear),
        (answer(401, "Unauthorized"), Rejected),
        (answer(422, "Eviction.policy \"a\" is invalid"), Rejected),
    ]);
}

#[test]
fn admission_is_named_whatever_status_it_chose() {
    let namespace = "pods \"a\" is forbidden: unable to create new content in namespace web because it is being terminated";
    expect([(
        EvictionAnswer { message: namespace.into(), ..caused(403, "NamespaceTerminating", "") },
        EvictionVerdict::NamespaceTerminating,
    )]);
    let denied = "admission webhook \"guard.example.com\" denied the request: not now";
    let silent =
        "Internal error occurred: failed calling webhook \"guard.example.com\": context deadline exceeded";
    let webhook = || EvictionVerdict::Webhook("guard.example.com".into());
    expect([400, 403, 404, 409, 422, 429, 500].map(|code| (answer(code, denied), webhook())));
    expect([(answer(500, silent), webhook())]);
    let policy =
        "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'guard' with binding 'b' denied request: no";
    expect([403, 422].map(|code| (answer(code, policy), EvictionVerdict::Policy("guard".into()))));
}

#[test]
fn a_budget_is_named_by_the_answer_or_looked_up() {
    let counts = caused(429, "DisruptionBudget", "The disruption budget web needs 2 healthy pods and has 2");
    let named = EvictionVerdict::Budget.blockers("shop", "a", &[], &counts);
    assert_eq!(named[0].object, "poddisruptionbudget/shop/web");
    assert!(named[0].next.contains("pod shop/a waits") && named[0].next.contains("needs 2 healthy pods"));
    assert!(!EvictionVerdict::Budget.needs_budgets(&counts));
    assert_eq!(about_budget(403, "").budget(), Some("web"));
    let silent = caused(429, "DisruptionBudget", "no words that are known");
    assert!(EvictionVerdict::Budget.needs_budgets(&silent));
    let looked_up = EvictionVerdict::Budget.blockers("shop", "a", &["one".into(), "two".into()], &silent);
    let objects: Vec<_> = looked_up.iter().map(|b| b.object.as_str()).collect();
    assert_eq!(objects, ["poddisruptionbudget/shop/one", "poddisruptionbudget/shop/two"]);
    assert_eq!(EvictionVerdict::Budget.blockers("shop", "a", &[], &silent)[0].object, "pod/shop/a");
}

#[test]
fn every_verdict_but_going_names_what_is_in_the_way() {
    use EvictionVerdict as V;
    let said = answer(500, "the words");
    for (verdict, object) in [
        (V::SeveralBudgets, "pod/shop/a"),
        (V::NamespaceTerminating, "pod/shop/a"),
        (V::Webhook("w".into()), "webhook/w"),
        (V::Policy("p".into()), "validatingadmissionpolicy/p"),
        (V::Again, "pod/shop/a"),
        (V::Unclear, "pod/shop/a"),
        (V::Rejected, "pod/shop/a"),
    ] {
        let blockers = verdict.blockers("shop", "a", &["one".into()], &said);
        assert_eq!((blockers.len(), blockers[0].object.as_str()), (1, object), "{verdict:?}");
        assert!(blockers[0].next.ends_with(": the words"), "{blockers:?}");
    }
    assert!(V::Accepted.blockers("shop", "a", &[], &said).is_empty());
    assert!(V::Gone.blockers("shop", "a", &[], &said).is_empty());
}
