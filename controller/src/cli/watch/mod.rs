//! `nodemend watch RUN`: looks on until a run is over: live on a terminal, one line per change elsewhere.

mod changes;
mod feed;
mod frame;
mod live;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kube::Api;
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::{RunPhase, Snapshot};
use nodemend_core::time::{Span, Time};

use super::CliError;
use super::client::{Cluster, Connection};
use super::error::Asked;
use super::get::detail;
use super::output::{Look, print};
use crate::clock::now;

use feed::Feed;
use frame::Frame;
use live::Live;

/// How often ages move on, and how soon the end of the time is seen, while nothing is heard.
const TICK: Duration = Duration::from_secs(1);

/// How long nothing may move in a run that is Stopped before the view ends: longer than the controller needs to see a
/// Hold that was released.
const REST: Span = Span::seconds(5);

const EXAMPLES: &str = "\
Examples:
  nodemend watch old-systemd-1f2e3d4c
  nodemend watch old-systemd-1f2e3d4c --timeout 30m > repair.log

Ends when the run is over, or has stopped with nothing in flight. Ending it early changes nothing
about the run. Exit status: 0 the run succeeded, 1 it did not, or was not over within --timeout.";

/// Flags of `watch`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Flags {
    /// The run
    #[arg(value_name = "RUN")]
    run: String,
    /// How long to look on at most
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
}

/// Looks on.
pub(super) async fn run(connection: &Connection, flags: &Flags) -> Result<ExitCode, CliError> {
    follow(connection, &connection.cluster().await?, &flags.run, flags.timeout).await
}

/// Looks on until the run called `name` is over. An API server that does not answer for a while is waited for.
pub(super) async fn follow(
    connection: &Connection,
    cluster: &Cluster,
    name: &str,
    timeout: Option<Span>,
) -> Result<ExitCode, CliError> {
    let deadline = timeout.map(|timeout| now().after(timeout));
    // Watches come back by themselves after any error, so that one is made first which says what is wrong.
    let api: Api<RepairRun> = Api::all(cluster.client.clone());
    let first = api.get(name).await;
    first.map_err(|error| cluster.failed(Asked::of("get", "RepairRun", name), &error))?;
    let mut feed = Feed::start(connection.watching().await?, name);
    let mut view = View::of_stdout();
    let ended = until_over(&mut feed, &mut view, name, deadline).await;
    view.close();
    let good = ended?;
    // Read once more: the watches need not have brought the same moment.
    let whole = cluster.snapshot().await.unwrap_or(feed.snapshot);
    if let Some(frame) = Frame::of(&whole, name) {
        view.show(frame, None, now())?;
    }
    print(&summary(&whole, name))?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows every change until nothing more happens; whether it went well.
async fn until_over(
    feed: &mut Feed,
    view: &mut View,
    name: &str,
    deadline: Option<Time>,
) -> Result<bool, CliError> {
    let mut tick = tokio::time::interval(TICK);
    let mut resting = Resting::default();
    loop {
        tokio::select! {
            heard = feed.next() => heard?,
            _ = tick.tick() => {}
        }
        feed.complete().await;
        let now = now();
        if let Some(frame) = Frame::of(&feed.snapshot, name).filter(|_| feed.is_listed()) {
            let success = resting.success(&frame, now);
            view.show(frame, feed.trouble(), now)?;
            if let Some(success) = success {
                return Ok(success);
            }
        } else if feed.is_gone() {
            return Err(CliError::Negative(format!("run {name} was deleted while it was watched")));
        }
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(CliError::Negative(format!("run {name} is not over within --timeout; it goes on")));
        }
    }
}

/// Since when nothing has moved in a run that is Stopped. It may go on: a Hold that was just released needs a moment.
#[derive(Debug, Default)]
struct Resting(Option<Time>);

impl Resting {
    /// Whether it went well, once nothing more happens without a person.
    fn success(&mut self, frame: &Frame, now: Time) -> Option<bool> {
        let Some(success) = frame.success() else {
            self.0 = None;
            return None;
        };
        let since = *self.0.get_or_insert(now);
        (frame.phase != RunPhase::Stopped || now.since(since) >= REST).then_some(success)
    }
}

/// The whole run at its end, with what lets held nodes go on.
fn summary(snapshot: &Snapshot, name: &str) -> String {
    let run = snapshot.runs.get(name);
    run.map_or_else(String::new, |run| format!("\n{}", detail(snapshot, run, now(), Look::of_stdout())))
}

/// Where changes are shown, and what was shown last.
struct View {
    live: Option<Live>,
    shown: Option<Frame>,
    trouble: Option<String>,
}

impl View {
    fn of_stdout() -> Self {
        let live = std::io::stdout().is_terminal().then(Live::new);
        Self { live, shown: None, trouble: None }
    }

    fn show(&mut self, frame: Frame, trouble: Option<&str>, now: Time) -> Result<(), CliError> {
        let lines = changes::lines(self.shown.as_ref(), &frame, now);
        if let Some(live) = &mut self.live {
            live.show(&lines, &frame, trouble, now);
        } else {
            print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
            self.tell(trouble);
        }
        self.shown = Some(frame);
        Ok(())
    }

    /// Says once that nothing is heard, where there is no live view to say it.
    fn tell(&mut self, trouble: Option<&str>) {
        if let Some(trouble) = trouble.filter(|trouble| self.trouble.as_deref() != Some(*trouble)) {
            eprintln!("{trouble}; trying again");
        }
        self.trouble = trouble.map(str::to_owned);
    }

    fn close(&mut self) {
        if let Some(live) = &mut self.live {
            live.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(phase: RunPhase) -> Frame {
        Frame {
            run: "old".into(),
            phase,
            message: None,
            deleting: false,
            plan_only: false,
            batch: 0,
            batches: 1,
            nodes: Vec::new(),
            blockers: Vec::new(),
        }
    }

    #[test]
    fn a_stopped_run_is_given_a_moment_to_go_on() {
        let (stopped, mut resting) = (frame(RunPhase::Stopped), Resting::default());
        assert_eq!(resting.success(&stopped, Time(0)), None);
        assert_eq!(resting.success(&frame(RunPhase::Running), Time(4000)), None);
        assert_eq!(resting.success(&stopped, Time(6000)), None, "it had gone on in between");
        assert_eq!(resting.success(&stopped, Time(11_000)), Some(false));
        assert_eq!(resting.success(&frame(RunPhase::Succeeded), Time(11_000)), Some(true));
    }
}
