//! What became of each plan: a file to which a line is added after each, so that a run that was interrupted goes on.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::oracle::Verdict;
use crate::E2eError;

/// What became of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The plan's name.
    pub plan: String,
    /// What its ending is worth.
    pub verdict: Verdict,
    /// Milliseconds.
    pub took: u128,
    /// Why the node is held, or what is wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The file with all records.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: File,
    records: BTreeMap<String, Record>,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// As without a fault.
    pub same: usize,
    /// Left to a person.
    pub held: usize,
    /// Neither.
    pub diverged: usize,
    /// With something done twice.
    pub repeated: usize,
    /// Those whose fault never came. They are not counted as plans.
    pub unreached: usize,
}

impl Results {
    /// Opens the file, which is created if it is not there. A last line that was cut is dropped.
    pub fn open(path: &Path) -> Result<Self, E2eError> {
        let failed = || E2eError::file(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(E2eError::file(folder))?;
        }
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(failed())?;
        let mut records = BTreeMap::new();
        for line in BufReader::new(&file).lines() {
            if let Ok(record) = serde_json::from_str::<Record>(&line.map_err(failed())?) {
                records.insert(record.plan.clone(), record);
            }
        }
        let mut results = Self { path: path.to_owned(), file, records };
        // Behind a line that was cut nothing could be read.
        results.line("")?;
        Ok(results)
    }

    /// Whether it is known what became of the plan.
    pub fn has(&self, plan: &str) -> bool {
        self.records.contains_key(plan)
    }

    /// Adds a record.
    pub fn add(&mut self, record: Record) -> Result<(), E2eError> {
        let text = serde_json::to_string(&record)
            .map_err(|error| E2eError::Answer { request: record.plan.clone(), problem: error.to_string() })?;
        self.line(&text)?;
        self.records.insert(record.plan.clone(), record);
        Ok(())
    }

    fn line(&mut self, text: &str) -> Result<(), E2eError> {
        writeln!(self.file, "{text}").map_err(E2eError::file(&self.path))
    }

    /// How many of each, of these plans.
    pub fn tally<'a>(&self, plans: impl IntoIterator<Item = &'a str>) -> Tally {
        let mut tally = Tally::default();
        for record in plans.into_iter().filter_map(|plan| self.records.get(plan)) {
            *match record.verdict {
                Verdict::Same => &mut tally.same,
                Verdict::Held => &mut tally.held,
                Verdict::Diverged => &mut tally.diverged,
                Verdict::Repeated => &mut tally.repeated,
                Verdict::Unreached => &mut tally.unreached,
            } += 1;
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { same, held, diverged, repeated, .. } = self;
        let plans = same + held + diverged + repeated;
        write!(formatter, "plans {plans}, same {same}, held {held}, diverged {diverged}, repeated {repeated}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_goes_on_with_what_is_whole() {
        let path = std::env::temp_dir().join(format!("torture-{}.jsonl", std::process::id()));
        let record =
            |plan: &str, verdict| Record { plan: plan.into(), verdict, took: 1, note: String::new() };
        let mut results = Results::open(&path).unwrap();
        results.add(record("a", Verdict::Same)).unwrap();
        results.add(record("b", Verdict::Unreached)).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"plan\":\"c\"").unwrap();
        let mut results = Results::open(&path).unwrap();
        assert!(results.has("a") && !results.has("c"));
        results.add(record("c", Verdict::Held)).unwrap();
        let results = Results::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let tally = results.tally(["a", "b", "c", "d"]);
        assert_eq!(tally.to_string(), "plans 2, same 1, held 1, diverged 0, repeated 0");
        assert_eq!(tally.unreached, 1);
    }
}
