//! The view on a terminal: changes scroll by above, what is under way stands below and moves.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nodemend_core::time::Time;

use super::frame::{Frame, NodeLine};
use crate::cli::get::phase_tone;
use crate::cli::output::{Look, Tone, age};
use crate::cli::repair::{line, unsaid};

/// How many nodes have a line of their own: a screen is not long.
const NODE_LINES: usize = 20;

/// The moving part of the screen.
pub(super) struct Live {
    all: MultiProgress,
    bar: ProgressBar,
    nodes: BTreeMap<String, ProgressBar>,
    waits: ProgressBar,
    look: Look,
}

impl Live {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let bar = all.add(ProgressBar::new(0).with_style(style("{prefix}")));
        let waits = all.add(ProgressBar::new(0).with_style(style("{wide_msg}")));
        Self { all, bar, nodes: BTreeMap::new(), waits, look: Look::of_stdout() }
    }

    pub(super) fn show(&mut self, lines: &[String], frame: &Frame, trouble: Option<&str>, now: Time) {
        for line in lines {
            // A terminal that is gone ends the program by itself.
            let _ = self.all.println(line);
        }
        if !frame.nodes.is_empty() {
            self.bar.set_style(style("{prefix} {bar:24} {pos}/{len} nodes  {wide_msg}"));
        }
        self.bar.set_length(frame.nodes.len() as u64);
        self.bar.set_position(frame.done() as u64);
        self.bar
            .set_prefix(self.look.paint(format!("{} {:?}", frame.run, frame.phase), phase_tone(frame.phase)));
        self.bar.set_message(batch(frame));
        self.node_lines(frame, now);
        self.waits.set_message(self.waits_for(frame, trouble, now));
    }

    fn node_lines(&mut self, frame: &Frame, now: Time) {
        let under_way = frame.nodes.iter().filter(|node| node.remediation.is_some() && !node.is_over());
        let shown: BTreeMap<_, _> =
            under_way.take(NODE_LINES).map(|node| (node.name.clone(), node)).collect();
        self.nodes.retain(|name, bar| {
            let stays = shown.contains_key(name);
            if !stays {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            stays
        });
        for (name, node) in shown {
            let text = node_text(node, self.look, now);
            self.node_bar(&name).set_message(text);
        }
    }

    fn node_bar(&mut self, name: &str) -> &ProgressBar {
        let (all, waits) = (&self.all, &self.waits);
        self.nodes.entry(name.to_owned()).or_insert_with(|| {
            let bar = all.insert_before(waits, ProgressBar::new_spinner());
            bar.set_style(style("  {spinner} {wide_msg}"));
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        })
    }

    fn waits_for(&self, frame: &Frame, trouble: Option<&str>, now: Time) -> String {
        if let Some(trouble) = trouble {
            return self.look.paint(format!("  {trouble}; trying again"), Tone::Bad);
        }
        let Some(first) = frame.blockers.first() else { return String::new() };
        let more = frame.blockers.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let text = format!("  waits {} for {}: {}{more}", age(first.since, now), first.object, first.next);
        self.look.paint(text, Tone::Careful)
    }

    /// Takes the moving part away.
    pub(super) fn close(&mut self) {
        for bar in self.nodes.values().chain([&self.bar, &self.waits]) {
            bar.finish_and_clear();
        }
        let _ = self.all.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("█▉░")
}

fn batch(frame: &Frame) -> String {
    if frame.batches > 1 { format!("batch {} of {}", frame.batch + 1, frame.batches) } else { String::new() }
}

fn node_text(node: &NodeLine, look: Look, now: Time) -> String {
    let waits =
        unsaid(node.remediation.as_ref()).next().map(|blocker| format!("  waits for {}", blocker.object));
    let line = look.paint(line(&node.progress, now), node.progress.tone);
    format!("{}  {line}{}", look.paint(&node.name, Tone::Strong), waits.unwrap_or_default())
}
