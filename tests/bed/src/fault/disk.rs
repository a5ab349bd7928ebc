//! A disk without a free byte.
//!
//! The disk is a file system in memory whose size can be changed while it is in use: shrinking it to what is used fills it
//! without writing anything.

use std::path::Path;
use std::process::Command;

use nix::sys::statvfs::statvfs;

use crate::host::{Host, HostError};
use crate::process;

pub(super) fn fill(host: &Host) -> Result<(), HostError> {
    let disk = host.disk();
    let figures = statvfs(&disk).map_err(|error| host.file_error(&disk, error.into()))?;
    let used = (figures.blocks() - figures.blocks_free()) * figures.fragment_size();
    resize(&disk, used)
}

pub(super) fn restore(host: &Host) -> Result<(), HostError> {
    resize(&host.disk(), host.spec().disk)
}

fn resize(disk: &Path, bytes: u64) -> Result<(), HostError> {
    let options = format!("remount,size={bytes}");
    process::run(Command::new("mount").args(["-o", &options]).arg(disk))?;
    Ok(())
}
