//! `nodemend playbook`: check playbook files, and see which playbooks there are and what they do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use nodemend_core::playbook::builtin;
use nodemend_core::playbook::lint::lint;

use super::CliError;
use super::client::Connection;
use super::output::{count, print};

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
}

/// Carries a `playbook` command out.
pub(super) async fn run(_connection: &Connection, command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Lint { files } => lint_files(&files),
        Command::Builtin => {
            let texts: Vec<_> = builtin::ALL.iter().map(|builtin| builtin.text).collect();
            print(&texts.join("---\n"))
        }
    }
}

fn lint_files(files: &[PathBuf]) -> Result<ExitCode, CliError> {
    let mut faulty = 0;
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|source| CliError::File { path: file.display().to_string(), source })?;
        let faults = faults(file, &text);
        faulty += usize::from(!faults.is_empty());
        print(&faults)?;
    }
    if faulty == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    Err(CliError::Negative(format!("{} of {} not in order", faulty, count(files.len(), "file"))))
}

/// One line per fault, as compilers print them.
fn faults(file: &Path, text: &str) -> String {
    let faults = lint(text).err().unwrap_or_default();
    let line = |fault: nodemend_core::playbook::lint::Fault| {
        format!("{}:{}:{}: {}\n", file.display(), fault.line, fault.column, fault.reason)
    };
    faults.into_iter().map(line).collect()
}
