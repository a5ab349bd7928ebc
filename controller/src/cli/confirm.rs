//! The question before anything that an operator may not have meant.

use std::io::{BufRead, IsTerminal, Write};

use super::CliError;

/// Asks, unless `yes` was said already. Without a terminal nobody can be asked.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::Usage(format!("{question} There is no terminal to ask on: say --yes")));
    }
    let mut out = std::io::stderr().lock();
    write!(out, "\n{question} [y/N] ").and_then(|()| out.flush())?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::Negative("nothing was done".to_owned())),
    }
}
