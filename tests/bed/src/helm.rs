//! `helm`, built from its Go module when it is first asked for: only what installs a chart needs it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bed::Bed;
use crate::build::{self, BuildError};
use crate::error::BedError;
use crate::process;

/// `helm`, ready for its arguments. What it keeps, it keeps in `home`, away from the user's own settings.
pub fn command(home: &Path) -> Result<Command, BuildError> {
    let mut command = Command::new(build::helm()?.join("helm"));
    command
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"))
        .stdin(Stdio::null());
    Ok(command)
}

impl Bed {
    /// Runs `helm` as the bed's administrator and returns its output.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, BedError> {
        let mut command = command(&self.dir().join("helm"))?;
        Ok(process::run(command.env("KUBECONFIG", self.admin_kubeconfig()).args(arguments))?)
    }
}
