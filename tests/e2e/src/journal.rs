//! Runs and Remediations as a person reads them: a view of their JSON.

use jiff::Timestamp;
use serde_json::Value;

/// What became of one node's repair, as its Remediation says.
#[derive(Debug, Clone)]
pub struct Journal(pub Value);

/// One batch repair, as its RepairRun says.
#[derive(Debug, Clone)]
pub struct Run(pub Value);

/// A point in time as objects and logs write it.
pub fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

impl Journal {
    /// The node.
    pub fn node(&self) -> &str {
        text(&self.0, "/spec/repairs/0/node/name")
    }

    /// The run's name.
    pub fn run(&self) -> &str {
        text(&self.0, "/spec/run")
    }

    /// How it ended; empty until then.
    pub fn outcome(&self) -> &str {
        text(&self.0, "/status/outcome")
    }

    /// Where it is heading.
    pub fn mode(&self) -> &str {
        text(&self.0, "/status/mode")
    }

    /// Why it is where it is, for people.
    pub fn message(&self) -> &str {
        text(&self.0, "/status/message")
    }

    /// The steps that were started, with when they were started last.
    pub fn started_steps(&self) -> Vec<(&str, Timestamp)> {
        let steps = self.0.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten();
        steps.filter_map(|step| Some((text(step, "/name"), time(&step["startedAt"])?))).collect()
    }

    /// When it was begun and when it was over; none until then.
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        Some((time(&self.0["status"]["startedAt"])?, time(&self.0["status"]["finishedAt"])?))
    }

    /// Whether it was under way at the same moment as `other`, both being over.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (Some((from, to)), Some((start, end))) = (self.times(), other.times()) else { return false };
        from < end && start < to
    }

    /// The state of a step; empty while there is none of that name.
    pub fn step(&self, name: &str) -> &str {
        let mut steps = self.0.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten();
        steps.find(|step| step["name"] == name).map_or("", |step| text(step, "/state"))
    }

    /// What a step says of how far it has come; empty before its operation was answered.
    pub fn progress(&self, name: &str) -> &str {
        let mut steps = self.0.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten();
        steps.find(|step| step["name"] == name).map_or("", |step| text(step, "/message"))
    }

    /// What is waited for.
    pub fn blockers(&self) -> &[Value] {
        blockers(&self.0)
    }

    /// One line for an error message.
    pub fn summary(&self) -> String {
        let steps = self.0.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten();
        let steps: Vec<_> = steps
            .map(|step| {
                format!("{} {} {}", text(step, "/name"), text(step, "/state"), text(step, "/message"))
            })
            .collect();
        format!(
            "  node {} [{} {}] {}\n    steps: {}\n    blockers: {}",
            self.node(),
            self.mode(),
            self.outcome(),
            self.message(),
            steps.join("; "),
            Value::from(self.blockers())
        )
    }
}

impl Run {
    /// Its name.
    pub fn name(&self) -> &str {
        text(&self.0, "/metadata/name")
    }

    /// The pool that it is for.
    pub fn pool(&self) -> &str {
        text(&self.0, "/spec/pool")
    }

    /// Where it is.
    pub fn phase(&self) -> &str {
        text(&self.0, "/status/phase")
    }

    /// The same for people.
    pub fn message(&self) -> &str {
        text(&self.0, "/status/message")
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        ["Succeeded", "Failed", "Expired", "Superseded", "Aborted"].contains(&self.phase())
    }

    /// What is waited for.
    pub fn blockers(&self) -> &[Value] {
        blockers(&self.0)
    }

    /// The blocker with this reason.
    pub fn blocker(&self, reason: &str) -> Option<&Value> {
        self.blockers().iter().find(|blocker| blocker["reason"] == reason)
    }

    /// What the blocker with this reason says to people; empty while there is none.
    pub fn waits_for(&self, reason: &str) -> &str {
        self.blocker(reason).map_or("", |blocker| text(blocker, "/next"))
    }

    /// One line for an error message.
    pub fn summary(&self) -> String {
        format!(
            "run {} of pool {} [{}] {} {} blockers: {}",
            self.name(),
            self.pool(),
            self.phase(),
            self.message(),
            self.0["status"]["counts"],
            Value::from(self.blockers())
        )
    }
}

fn blockers(object: &Value) -> &[Value] {
    object.pointer("/status/blockers").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
