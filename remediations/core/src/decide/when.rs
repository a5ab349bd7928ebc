//! Whether now is a time to start anything: clocks that can be believed, nodes that are seen, windows that are open.

use crate::blocker::Blocker;
use crate::plan::Header;
use crate::rollout::storm::blind;
use crate::rollout::window::{Opening, opening};
use crate::snapshot::{Pool, Run, Snapshot};
use crate::time::{Span, Time};

/// How far the clock may be behind what was recorded before nothing new starts.
const CLOCK_TOLERANCE: Span = Span::seconds(60);

/// A clock that is behind what was recorded makes rates, windows and pauses worth nothing.
pub(super) fn clock_behind(snapshot: &Snapshot, now: Time) -> Option<Blocker> {
    let guard = snapshot.guard.as_ref()?;
    let latest = guard.grants.iter().map(|grant| grant.at).chain(guard.starts.last()).max()?;
    (latest > now.after(CLOCK_TOLERANCE)).then(|| {
        let next = format!(
            "grants were recorded at {latest}, this clock says {now}; nothing starts until it is right"
        );
        Blocker::new("ClockBehind", "repairguard/cluster", next).until(latest.before(CLOCK_TOLERANCE))
    })
}

/// While the controller may be the one that is cut off, nothing that it sees is a reason to act.
pub(super) fn all_silent(snapshot: &Snapshot) -> Option<Blocker> {
    blind(snapshot).then(|| {
        let next =
            "no node of the cluster is Ready: it may be this controller that is cut off; waits until one is";
        Blocker::new("AllNodesSilent", "nodes", next)
    })
}

/// Whether a node may start now and still end within the pool's windows.
pub(super) fn window_closed(pool: &Pool, run: &Run, header: &Header, now: Time) -> Option<Blocker> {
    let object = format!("repairpool/{}", pool.name);
    let until = match opening(&pool.windows, now) {
        Err(error) => return Some(Blocker::new("BadWindow", object, format!("spec.{error}"))),
        Ok(Opening::Closed { opens: None }) => {
            return Some(Blocker::new("Window", object, "none of spec.windows ever opens; correct them"));
        }
        Ok(Opening::Closed { opens: Some(opens) }) => {
            let next = format!("outside of spec.windows; goes on at {opens}");
            return Some(Blocker::new("Window", object, next).until(opens));
        }
        Ok(Opening::Open { until }) => until,
    };
    let (takes, known) = expected(run, header);
    (now.after(takes) > until).then(|| {
        let next = format!(
            "the window closes at {until}, and a repair {known} {takes}: it would not fit; waits for the next window"
        );
        Blocker::new("WindowTooShort", object, next).until(until)
    })
}

/// How long one more repair may take, and how that is known: half as long again as the longest of this run, or, before
/// the first one has ended, the time limits of all steps.
fn expected(run: &Run, header: &Header) -> (Span, &'static str) {
    if let Some(longest) = run.status.longest_repair {
        let takes = Span(longest.0.saturating_add(longest.0 / 2));
        return (takes, "has taken up to (with half as much again)");
    }
    let limits = header.steps.iter().map(|step| step.time_limit().0);
    (Span(limits.fold(0, i64::saturating_add)), "may take (all time limits together)")
}
