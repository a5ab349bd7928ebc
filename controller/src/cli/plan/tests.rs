//! The plan as text, and what would happen if it were started now.

use super::*;
use crate::cli::testing::{NOW, quiet, world};

fn planned(snapshot: &Snapshot, selection: &Selection) -> String {
    let request = selection.request(snapshot, Asking::default());
    let plan = request.and_then(|request| Plan::make(snapshot, request, NOW));
    plan.map_or_else(|error| error.to_string(), |plan| plan.text(Look::plain()))
}

fn by_policy() -> Selection {
    Selection { policy: Some("old-systemd".into()), ..Selection::default() }
}

#[test]
fn a_plan_says_what_is_done_to_whom_and_why_not_to_others() {
    assert_eq!(
        planned(&quiet(), &by_policy()),
        "\
Pool web: upgrade-systemd 1.1.0, risk High
  Brings systemd to a build without the D-Bus fault and restarts the machine, so that the new build runs.
  for nodes that policy old-systemd matches
  with targetVersion = 219-78.el7_9.9

On each node
  Prepare  confirm   read the host again and confirm the finding                                                                         at most 5m
           prepare   yum -y --downloadonly install systemd-219-78.el7_9.9 (resolve, download, test)                                      at most 10m
  Disrupt  cordon    kubectl cordon NODE (marked as ours)                                                                                at most 1m
           drain     kubectl drain NODE --ignore-daemonsets --delete-emptydir-data                                                       at most 15m
  Repair   install   yum -y install systemd-219-78.el7_9.9                                                                               at most 15m
           reboot    sync; systemctl reboot (forced after 2m, at once if PID 1 hangs)                                                    at most 15m
  Verify   ready     wait until the kubelet reports the last boot and Ready for 10s                                                      at most 10m
           verify    run the checks that found the fault again, and insp.version.systemd, node.systemd-running-stale, node.systemd-dbus  at most 5m
  Release  uncordon  kubectl uncordon NODE (unless it was cordoned before)                                                               at most 5m

2 of 3 nodes, in 2 batches, in this order
  BATCH  NODE   STATE            SINCE  WHY
  1      web-2  Ready, cordoned  30m    insp.version.systemd fails: systemd 219-62.el7 is affected
  2      web-3  Ready            30m    insp.version.systemd fails: systemd 219-62.el7 is affected

1 node left out
  NODE   REASON     WHY NOT
  web-1  NoFinding  insp.version.systemd is Pass: systemd 219-78.el7_9.9 is installed and runs

If it were started now
  would begin at once: web-2
"
    );
}

#[test]
fn what_would_hold_it_back_is_what_the_controller_would_wait_for() {
    let without_guard = Snapshot { guard: None, ..quiet() };
    let text = planned(&without_guard, &by_policy());
    assert!(
        text.contains("no node would begin, it would wait for:\n  NoRepairGuard  repairguard/cluster"),
        "{text}"
    );
    let mut held = quiet();
    held.holds = world().holds;
    let text = planned(&held, &by_policy());
    assert!(
        text.contains("\n  Hold  hold/pool-web-1  held by ann: freeze; `nodemend release pool-web-1`"),
        "{text}"
    );
}

#[test]
fn a_node_that_is_held_by_a_run_is_left_out_and_the_run_is_named() {
    let text = planned(&world(), &by_policy());
    assert!(text.contains("web-2  Busy       run old-1 is repairing it or holds it"), "{text}");
}

#[test]
fn an_empty_plan_says_so() {
    let selection = Selection {
        pool: Some("web".into()),
        check: vec!["node.systemd-dbus".into()],
        playbook: Some("drain-and-reboot".into()),
        ..Selection::default()
    };
    let text = planned(&quiet(), &selection);
    assert!(text.contains("No node needs it: 3 nodes looked at"), "{text}");
    assert!(!text.contains("started now"), "{text}");
}

#[test]
fn a_parameter_that_is_missing_names_the_flag() {
    let selection = Selection {
        node: vec!["web-3".into()],
        playbook: Some("upgrade-systemd".into()),
        ..Selection::default()
    };
    assert!(planned(&quiet(), &selection).ends_with(
        "set it\nnext: --set NAME=VALUE sets a parameter; `nodemend playbook show` explains them"
    ));
}
