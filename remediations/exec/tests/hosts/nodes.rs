//! Cordon, drain and uncordon against a real API server, with real pods.

use std::time::{Duration, Instant};

use nodemend_bed::workloads::{daemon_set, deployment, manifest, pod_disruption_budget};
use nodemend_core::cordon::CordonMark;
use nodemend_core::drain::{DrainOptions, DrainProgress, DrainRequest};
use nodemend_core::op::{Annotate, Op, OpResult};
use nodemend_core::time::{Span, Time};
use nodemend_exec::Target;

use crate::rig::{Rig, failure};

const LEFT: Duration = Duration::from_mins(1);

fn mark(remediation: &str) -> CordonMark {
    CordonMark {
        remediation: remediation.into(),
        run: "run-1".into(),
        run_uid: "run-uid".into(),
        since: Time(1_780_272_000_000),
        was_unschedulable: false,
        changes_host: false,
    }
}

fn drain(rig: &Rig<'_>, options: DrainOptions) -> DrainProgress {
    match rig.perform(Op::Drain(DrainRequest { options, waited: Span(0) })) {
        OpResult::Drained(progress) => progress,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn a_node_is_cordoned_drained_and_given_back(rig: &Rig<'_>) {
    let workloads = [deployment("web", 2, "workers"), daemon_set("agent"), pod_disruption_budget("web", 0)];
    rig.bed.apply(&manifest(workloads)).unwrap();
    rig.bed.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]).unwrap();
    rig.bed.kubectl(&["rollout", "status", "daemonset/agent", "--timeout=60s"]).unwrap();
    assert_eq!(
        failure(rig.perform(Op::Drain(DrainRequest { options: DrainOptions::default(), waited: Span(0) })))
            .reason,
        "NotCordoned"
    );
    the_cordon_is_ours(rig);
    a_budget_is_named(rig);
    a_lonely_pod_is_refused_before_any_eviction(rig);
    pods_leave_once_they_may(rig);
    the_node_is_given_back(rig);
    a_runtime_that_hangs_is_found(rig);
}

fn the_cordon_is_ours(rig: &Rig<'_>) {
    let cordoned = rig.perform(Op::Cordon(mark("r-1")));
    assert_eq!(cordoned, OpResult::Cordoned(mark("r-1")));
    assert_eq!(field(rig, "{.spec.unschedulable}"), "true");
    assert_eq!(
        rig.perform(Op::Cordon(CordonMark { since: Time(0), ..mark("r-1") })),
        OpResult::Cordoned(mark("r-1"))
    );
    assert_eq!(failure(rig.perform(Op::Cordon(mark("r-2")))).reason, "CordonedByAnother");
    assert_eq!(failure(rig.perform(Op::Uncordon(mark("r-2")))).reason, "CordonedByAnother");
    let replaced = Target { node_uid: "another".into(), ..rig.target.clone() };
    assert_eq!(failure(rig.perform_on(&replaced, Op::Cordon(mark("r-1")))).reason, "NodeReplaced");
    let text = Annotate { message: "it failed".into(), next: "do this".into() };
    assert_eq!(rig.perform(Op::Annotate(text)), OpResult::Annotated);
    assert_eq!(field(rig, r"{.metadata.annotations.nodemend\.dev/next}"), "do this");
}

fn a_budget_is_named(rig: &Rig<'_>) {
    let progress = drain(rig, DrainOptions::default());
    assert_eq!((progress.accepted, progress.remaining_total), (0, 2), "{progress:?}");
    assert_eq!(progress.blockers.len(), 1, "{progress:?}");
    assert_eq!(progress.blockers[0].reason, "PodDisruptionBudget");
    assert_eq!(progress.blockers[0].object, "poddisruptionbudget/default/web");
}

fn a_lonely_pod_is_refused_before_any_eviction(rig: &Rig<'_>) {
    rig.bed.kubectl(&["delete", "poddisruptionbudget", "web"]).unwrap();
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"alone","namespace":"default"},"spec":{"nodeName":"node",
        "containers":[{"name":"c","image":"nothing.invalid/nothing"}],"terminationGracePeriodSeconds":0}}"#;
    rig.bed.apply(pod).unwrap();
    let progress = drain(rig, DrainOptions::default());
    assert_eq!((progress.accepted, progress.remaining_total), (0, 3), "{progress:?}");
    assert_eq!(progress.refused[0].object, "pod/default/alone");
}

fn pods_leave_once_they_may(rig: &Rig<'_>) {
    let options =
        DrainOptions { force: true, grace_period: Some(Span::seconds(2)), ..DrainOptions::default() };
    let first = drain(rig, options.clone());
    assert_eq!(first.accepted, 3, "{first:?}");
    assert!(first.remaining.iter().all(|pod| pod.grace_ends.is_some()), "{first:?}");
    let deadline = Instant::now() + LEFT;
    while !drain(rig, options.clone()).is_done() {
        assert!(Instant::now() < deadline, "{:?}", drain(rig, options));
        std::thread::sleep(Duration::from_millis(200));
    }
    let left =
        rig.bed.kubectl(&["get", "pods", "-A", "-o", "name", "--field-selector=spec.nodeName=node"]).unwrap();
    assert!(left.trim().lines().all(|pod| pod.contains("agent")), "{left}");
}

fn the_node_is_given_back(rig: &Rig<'_>) {
    assert_eq!(rig.perform(Op::Uncordon(mark("r-1"))), OpResult::Uncordoned);
    assert_eq!(rig.perform(Op::Uncordon(mark("r-1"))), OpResult::Uncordoned);
    assert_eq!(field(rig, "{.spec.unschedulable}"), "");
    assert!(!field(rig, "{.metadata.annotations}").contains("nodemend.dev"));
    rig.bed.kubectl(&["cordon", "node"]).unwrap();
    let before = CordonMark { was_unschedulable: true, ..mark("r-1") };
    assert_eq!(rig.perform(Op::Cordon(mark("r-1"))), OpResult::Cordoned(before));
    assert_eq!(rig.perform(Op::Uncordon(mark("r-1"))), OpResult::Uncordoned);
    assert_eq!(field(rig, "{.spec.unschedulable}"), "true", "it stays as it was before us");
}

fn field(rig: &Rig<'_>, path: &str) -> String {
    rig.bed.kubectl(&["get", "node", "node", "-o", &format!("jsonpath={path}")]).unwrap()
}

fn a_runtime_that_hangs_is_found(rig: &Rig<'_>) {
    // Where packages install it; the bed keeps its own programs apart.
    rig.host.run_checked("ln -sf /opt/bed/containerd/ctr /usr/local/bin/ctr").unwrap();
    let told = || rig.facts().unwrap().get("runtime").map(str::to_owned);
    assert_eq!(told().as_deref(), Some("answers"));
    let signal = |signal: &str| {
        let kill = format!("systemctl kill --kill-who=main --signal={signal} containerd.service");
        rig.host.run_checked(&kill).unwrap();
    };
    signal("STOP");
    assert_eq!(told().as_deref(), Some("silent"));
    signal("CONT");
    assert_eq!(told().as_deref(), Some("answers"));
}
