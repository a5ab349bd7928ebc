//! What became of each planned node of a run, from its Remediations and from what the run remembers.

use std::collections::BTreeSet;

use crate::blocker::Blocker;
use crate::budget::Grant;
use crate::ids::{NodeUid, remediation_name};
use crate::plan::{Header, PlannedNode};
use crate::snapshot::{Counts, Fleet, Ledger, Mark, Remediation, Run};
use crate::time::{Span, Time};

/// What became of the planned nodes.
#[derive(Default)]
pub(super) struct Tally<'a> {
    pub(super) counts: Counts,
    /// Nodes without a Remediation that still are who they were, with the page of each.
    pub(super) waiting: Vec<(u32, &'a PlannedNode)>,
    /// What failed or is held, in words.
    pub(super) failed: Vec<String>,
    pub(super) nodes: Ledger,
    /// What nodes that are under way wait for.
    pub(super) blockers: Vec<Blocker>,
    /// Nodes of the canary that failed or are held.
    pub(super) canary_failures: u32,
    /// Failed or held one after the other, the newest included.
    pub(super) consecutive_failures: u32,
    /// The longest repair of those that are known.
    pub(super) longest_repair: Option<Span>,
    /// Whether a node of the run's current batch was begun.
    pub(super) batch_begun: bool,
}

/// What counts the nodes of one run.
struct Counting<'a, 'b> {
    fleet: &'b Fleet<'a>,
    run: &'b Run,
    header: &'b Header,
    tally: Tally<'a>,
    /// Nodes that this run was granted and whose Remediations are not seen.
    unseen: BTreeSet<&'a NodeUid>,
    /// Nodes that came to an end, or to a halt, since the run was written last: when, and whether well.
    news: Vec<(Time, bool)>,
}

pub(super) fn tally<'a>(
    fleet: &Fleet<'a>,
    run: &Run,
    header: &Header,
    nodes: &[(u32, &'a PlannedNode)],
) -> Tally<'a> {
    let unseen = unseen(fleet, run);
    let mut counting = Counting { fleet, run, header, tally: Tally::default(), unseen, news: Vec::new() };
    let of_run = fleet.of_run(&run.uid);
    let mut marks = Vec::with_capacity(nodes.len());
    for ((page, node), before) in nodes.iter().zip(run.status.nodes.marks()) {
        let remediation = of_run.and_then(|of_run| of_run.get(node.uid.as_str()));
        let mark = counting.mark(*page, node, remediation, before);
        let begun = !matches!(mark, Mark::Waiting | Mark::Skipped | Mark::Replaced);
        counting.tally.batch_begun |= begun && node.batch == run.status.batch;
        marks.push(mark);
    }
    counting.end(marks.into_iter().collect())
}

impl<'a> Counting<'a, '_> {
    fn mark(
        &mut self,
        page: u32,
        node: &'a PlannedNode,
        remediation: Option<&Remediation>,
        before: Mark,
    ) -> Mark {
        self.tally.counts.planned += 1;
        let mark = match remediation {
            Some(remediation) => self.seen(node, remediation, before),
            // It may be under way: what it says cannot be read, or its grant stands and it is not seen.
            None if self.is_unreadable(node) || self.is_unseen(node, before) => {
                self.tally.counts.in_flight += 1;
                return Mark::Begun;
            }
            None if before == Mark::Waiting => self.not_begun(page, node),
            None => self.remembered(node, before),
        };
        if matches!(mark, Mark::Held | Mark::Failed) && self.header.rollout.is_canary(node.batch) {
            self.tally.canary_failures += 1;
        }
        mark
    }

    fn is_unreadable(&self, node: &PlannedNode) -> bool {
        let unreadable = &self.fleet.snapshot.undecodable;
        // A name is a digest: not made for each of thousands of nodes unless there is something to compare it with.
        !unreadable.is_empty()
            && unreadable.contains_key(&format!("remediation/{}", remediation_name(&self.run.uid, &node.uid)))
    }

    /// Whether a grant says that the node was begun, though its Remediation is not there: the watch lags, or somebody took
    /// it away. Once a live read shows which, the grant is swept.
    fn is_unseen(&self, node: &PlannedNode, before: Mark) -> bool {
        matches!(before, Mark::Waiting | Mark::Begun) && self.unseen.contains(&node.uid)
    }

    /// A node whose Remediation is there.
    fn seen(&mut self, node: &PlannedNode, remediation: &Remediation, before: Mark) -> Mark {
        let mark = Mark::of(remediation);
        let journal = remediation.journal.as_ref();
        match mark {
            Mark::Begun => self.tally.blockers.extend(journal.iter().flat_map(|j| j.blockers.clone())),
            Mark::Held | Mark::Failed => self.tally.failed.push(told(node, remediation)),
            _ => {}
        }
        let times = journal.and_then(|journal| Some((journal.started_at?, journal.finished_at?)));
        if let Some((started, finished)) = times {
            self.tally.longest_repair = self.tally.longest_repair.max(Some(finished.since(started)));
        }
        // What failed and was held, or is being put back, failed once.
        let known = mark == Mark::Failed && before == Mark::Held;
        if mark != before && !known && matches!(mark, Mark::Held | Mark::Failed | Mark::Repaired) {
            self.news.push((times.map_or(Time(i64::MAX), |(_, finished)| finished), mark == Mark::Repaired));
        }
        self.tally.counts.add(mark);
        mark
    }

    /// Plans only shrink: a node that is gone or another machine is left out, for good. Nodes of later batches are
    /// looked at when their batch comes.
    fn not_begun(&mut self, page: u32, node: &'a PlannedNode) -> Mark {
        let mark = if node.batch > self.run.status.batch { Mark::Waiting } else { self.still_there(node) };
        match mark {
            Mark::Waiting => self.tally.waiting.push((page, node)),
            mark => self.tally.counts.add(mark),
        }
        mark
    }

    fn still_there(&self, node: &PlannedNode) -> Mark {
        match self.fleet.snapshot.nodes.get(&node.name) {
            None => Mark::Skipped,
            Some(live) if live.uid != node.uid => Mark::Replaced,
            Some(_) => Mark::Waiting,
        }
    }

    /// A node that was begun and whose Remediation is gone: never begun again. If it was not over by then, nobody
    /// knows what became of it, which counts as a failure.
    fn remembered(&mut self, node: &PlannedNode, mark: Mark) -> Mark {
        let counted = if matches!(mark, Mark::Begun | Mark::Held) { Mark::Failed } else { mark };
        if counted == Mark::Failed {
            let how = if mark == Mark::Failed { "it failed" } else { "it was not over" };
            self.tally.failed.push(format!("{}: {how}, and its Remediation was deleted", node.name));
        }
        if counted != mark {
            self.news.push((Time(i64::MAX), false));
        }
        self.tally.counts.add(counted);
        counted
    }

    /// The tally, with the row of failures brought up to date in the order in which nodes came to an end.
    fn end(mut self, nodes: Ledger) -> Tally<'a> {
        self.news.sort_unstable();
        let before = self.run.status.consecutive_failures;
        let in_a_row = self.news.iter().fold(before, |row, (_, well)| if *well { 0 } else { row + 1 });
        Tally {
            consecutive_failures: in_a_row,
            longest_repair: self.tally.longest_repair.max(self.run.status.longest_repair),
            nodes,
            ..self.tally
        }
    }
}

/// The nodes that a run was granted, of guard or pool, and of which no Remediation is seen.
pub(super) fn unseen<'a>(fleet: &Fleet<'a>, run: &Run) -> BTreeSet<&'a NodeUid> {
    let counts = |grant: &&&Grant| grant.run_uid == run.uid;
    fleet.unseen().iter().filter(counts).map(|grant| &grant.node_uid).collect()
}

fn told(node: &PlannedNode, remediation: &Remediation) -> String {
    let message = remediation.journal.as_ref().and_then(|journal| journal.message.as_deref());
    format!("{}: {}", node.name, message.unwrap_or("no message"))
}
