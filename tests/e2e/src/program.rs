//! Where the binary under test is, and what it says when it is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nodemend_bed::process;

use crate::E2eError;

/// The binary: `NODEMEND_BIN`, else `nodemend` where cargo put this program, which may be a folder deeper (`deps`).
pub fn nodemend() -> Result<PathBuf, E2eError> {
    let path = match std::env::var_os("NODEMEND_BIN") {
        Some(path) => PathBuf::from(path),
        None => beside_this_program()?,
    };
    if path.is_file() { Ok(path) } else { Err(E2eError::NotBuilt(path)) }
}

fn beside_this_program() -> Result<PathBuf, E2eError> {
    let own = std::env::current_exe().map_err(E2eError::file("/proc/self/exe"))?;
    let folder = own.parent().unwrap_or(Path::new("."));
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.join("nodemend"))
}

/// `nodemend` for one kubeconfig, ready for its arguments. Runs in the machine's own network, as in a person's shell.
pub fn command(kubeconfig: &Path) -> Result<Command, E2eError> {
    let mut command = Command::new(nodemend()?);
    command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
    Ok(command)
}

/// Kinds, namespace, identity and rights, as `nodemend install` prints them.
pub fn manifests() -> Result<String, E2eError> {
    Ok(process::run(Command::new(nodemend()?).arg("install").stdin(Stdio::null()))?)
}
