//! Watching pods leave a node, from the very list on that was acted upon: nothing that happens in between is missed.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, WatchParams};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::Cluster;
use super::pods::on_node;
use super::round::Round;
use crate::target::Target;

/// How often it is asked whether the saga is stopped: a Hold gives the node back at once.
const ASKED: Duration = Duration::from_millis(250);
/// The time limit that the API server is given, in seconds; ours is shorter, so that no watch outlives a process.
const SERVER_LIMIT: u32 = 30;

impl Cluster {
    /// Watches the pods of `round` until all have left, one may be told to go, the saga is stopped, or `until`. A watch
    /// that breaks ends it too: the next round reads everything anew.
    pub(super) async fn watch_leave(
        &self,
        target: &Target,
        round: &mut Round,
        version: &str,
        until: Instant,
    ) {
        if round.is_over() {
            return;
        }
        let pods: Api<Pod> = Api::all(self.client.clone());
        let params =
            WatchParams::default().fields(&on_node(&target.node)).timeout(SERVER_LIMIT).disable_bookmarks();
        let Ok(Ok(events)) = timeout_at(until, pods.watch(&params, version)).await else { return };
        let mut events = events.boxed();
        let mut asked = interval(ASKED);
        asked.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !round.is_over() && !round.has_news {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => round.see(&event),
                    _ => return,
                },
                () = sleep_until(until) => return,
                _ = asked.tick() => if !target.still.holds() { return },
            }
        }
    }
}
