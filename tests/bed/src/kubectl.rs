//! Calling `kubectl` with the bed's own configuration, away from the user's.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::hub::HubContext;
use crate::kubeconfig::Kubeconfigs;
use crate::process::{self, ProcessError};

/// `kubectl` for one kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// Where it keeps what it has discovered, instead of the user's home.
    cache: PathBuf,
}

impl Kubectl {
    /// As the bed's admin.
    pub(crate) fn for_bed(hub: &HubContext) -> Self {
        let kubeconfig = Kubeconfigs::in_folder(&hub.dir).admin;
        Self {
            program: hub.binaries.control_plane("kubectl"),
            kubeconfig,
            cache: hub.dir.join("kubectl-cache"),
        }
    }

    /// The same program for another kubeconfig.
    #[must_use]
    pub fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }

    /// A command that is ready for its arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache)
            .env("KUBECTL_KUBERC", "false");
        command
    }

    /// Runs it and returns standard output; an exit status other than 0 is an error with its message.
    pub fn run(&self, arguments: &[&str]) -> Result<String, ProcessError> {
        process::run(self.command().args(arguments).stdin(Stdio::null()))
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &str) -> Result<String, ProcessError> {
        self.with_input("apply", manifests)
    }

    /// Runs a verb such as `create` or `delete` on manifests.
    pub fn with_input(&self, verb: &str, manifests: &str) -> Result<String, ProcessError> {
        // A file instead of a pipe: nothing to be written while the program runs, so nothing can block.
        let input = unnamed_file(manifests)
            .map_err(|source| ProcessError::File { path: std::env::temp_dir(), source })?;
        process::run(self.command().args([verb, "-f", "-"]).stdin(input))
    }
}

fn unnamed_file(text: &str) -> std::io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}
