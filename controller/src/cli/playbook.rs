//! `nodemend playbook`: check playbook files, and see which playbooks there are and what they do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use nodemend_api::playbook::Playbook as PlaybookObject;
use nodemend_core::playbook::lint::{Fault, lint};
use nodemend_core::playbook::{Playbook, builtin};
use nodemend_core::snapshot::Snapshot;

use super::CliError;
use super::client::Connection;
use super::output::{Format, Look, count, print, print_object};
use super::select::find_playbook;

mod text;

const LINT_EXAMPLES: &str = "\
Example:
  nodemend playbook lint playbooks/*/*.yaml

Exit status: 0 every file is in order, 1 some file is not; each fault is one line FILE:LINE:COLUMN: reason.";

/// What can be asked about playbooks.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check playbook files: every fault with its line and reason
    #[command(after_help = LINT_EXAMPLES)]
    Lint {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the playbooks that come with this program as YAML
    #[command(after_help = "Example:\n  nodemend playbook builtin | kubectl apply -f -")]
    Builtin,
    /// List the playbooks that are installed, and those that come with this program
    List,
    /// Show what a playbook does: parameters, steps, commands
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// The playbook; without a version the newest that is installed
        #[arg(value_name = "NAME[@VERSION]")]
        name: String,
        /// In which form
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Format,
    },
}

const SHOW_EXAMPLES: &str = "\
Examples:
  nodemend playbook show upgrade-systemd
  nodemend playbook show upgrade-systemd@1.0.0 -o yaml";

/// Carries a `playbook` command out.
pub(super) async fn run(connection: &Connection, command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Lint { files } => lint_files(&files),
        Command::Builtin => {
            let texts: Vec<_> = builtin::ALL.iter().map(|builtin| builtin.text).collect();
            print(&texts.join("---\n"))
        }
        Command::List => {
            let snapshot = connection.cluster().await?.snapshot().await?;
            print(&text::list(&snapshot, &builtins(), Look::of_stdout()))
        }
        Command::Show { name, output } => show(connection, &name, output).await,
    }
}

fn lint_files(files: &[PathBuf]) -> Result<ExitCode, CliError> {
    let mut bad = 0;
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|source| CliError::File { path: file.display().to_string(), source })?;
        let faults = faults(file, &text);
        bad += usize::from(!faults.is_empty());
        print(&faults)?;
    }
    if bad == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    Err(CliError::Negative(format!("{bad} of {} not in order", count(files.len(), "file"))))
}

/// One line per fault, as compilers print them.
fn faults(file: &Path, text: &str) -> String {
    let faults = lint(text).err().unwrap_or_default();
    let line =
        |fault: Fault| format!("{}:{}:{}: {}\n", file.display(), fault.line, fault.column, fault.reason);
    faults.into_iter().map(line).collect()
}

/// The playbooks that come with this program. They are in order: a test of core says so.
fn builtins() -> Vec<Playbook> {
    builtin::ALL.iter().filter_map(|builtin| lint(builtin.text).ok()).collect()
}

/// Shows one playbook: of the cluster if it is installed there, else of this program.
async fn show(connection: &Connection, name: &str, format: Format) -> Result<ExitCode, CliError> {
    let snapshot = connection.cluster().await?.snapshot().await?;
    let playbook = match find_playbook(&snapshot, name) {
        Err(CliError::NotFound { kind, name: missing, list }) => {
            let own = Snapshot {
                playbooks: builtins()
                    .into_iter()
                    .map(|playbook| (playbook.object_name(), playbook))
                    .collect(),
                ..Snapshot::default()
            };
            let found = find_playbook(&own, name).cloned();
            found.map_err(|_| CliError::NotFound { kind, name: missing, list })?
        }
        found => found?.clone(),
    };
    match format {
        Format::Table => print(&text::summary(&playbook, &snapshot, Look::of_stdout())),
        other => print_object(&PlaybookObject::of(playbook), other),
    }
}
