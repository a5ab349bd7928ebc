//! Ctrl-C ends programs that own beds, and takes their beds with them.

use nodemend_bed::state;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// From here on Ctrl-C stops the beds of these names, if they are there, and ends the program.
pub fn stop_beds_at_signal(beds: Vec<String>) -> std::io::Result<()> {
    end_at_signal(move || {
        for bed in beds.iter().filter(|bed| state::folder(bed).exists()) {
            if let Err(error) = state::stop(bed) {
                eprintln!("bed `{bed}` was not stopped completely: {error}; the next start tries again");
            }
        }
    })
}

/// From here on Ctrl-C does `first` what has to be done, and ends the program. Signals are caught, not held back: programs
/// that are started would inherit that.
pub fn end_at_signal(first: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async { tokio::select!(_ = interrupt.recv() => (), _ = terminate.recv() => ()) });
        first();
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
