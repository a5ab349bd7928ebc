//! The thin entry point of the `nodemend` binary: reads the arguments and says how it ended.

use std::process::ExitCode;

use clap::FromArgMatches;
use nodemend::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    let matches = cli::command(std::env::args_os().next().as_deref()).get_matches();
    let ended = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli::run(cli).await,
        // What the arguments are was settled above; this prints and ends.
        Err(error) => error.exit(),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}
