//! The command line of `bed`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use nodemend_bed::HostSpec;
use nodemend_bed::fault::Fault;

use crate::nodespec;

/// A real Kubernetes cluster with real hosts on this machine, without containers around it.
///
/// A bed lives in network namespaces and control groups of its own. It needs root and a Debian machine with Go.
#[derive(Debug, Parser)]
#[command(name = "bed", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install the Debian packages that the bed needs, or say with one command how to
    Deps,
    /// Install what is missing and build programs and images into the cache (about seven minutes the first time)
    Build,
    /// Start a bed; without --detach it stops with this command
    Up(Up),
    /// Stop a bed, whoever started it, and remove every trace of it
    Down(Down),
    /// List the beds on this machine
    Status,
    /// Print shell commands that point kubectl at a bed: eval "$(bed env)"
    Env(Name),
    /// Run kubectl as the bed's administrator
    Kubectl(Run),
    /// Run a command inside the bed's network, where its hosts can be reached
    Exec(Run),
    /// Log in to a host as its unprivileged user, or run a command there
    Ssh(Ssh),
    /// Make a container image of a program, without a container engine
    Image(Image),
    /// Lay a fault on a host, or lift it
    Fault(FaultOnHost),
}

/// Which bed is meant.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The bed's name: lower-case letters and digits
    #[arg(long, env = "NODEMEND_BED", default_value = "bed")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) bed: Name,
    /// Hosts: a count, or a name with what differs from the defaults
    #[arg(long, num_args = 1.., value_name = nodespec::SYNTAX, value_parser = nodespec::parse)]
    pub(crate) nodes: Vec<Vec<HostSpec>>,
    /// Nodes that are only objects with a stand-in for their kubelet, for looking at scale
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) plain_nodes: usize,
    /// Leave the bed running; a detached bed of the same name is replaced
    #[arg(long)]
    pub(crate) detach: bool,
    /// Seconds without a sign of life after which a node is Unknown
    #[arg(long, value_name = "SECONDS", default_value_t = 40)]
    pub(crate) node_monitor_grace_period: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The image's full name, with a tag
    #[arg(long, value_name = "NAME:TAG")]
    pub(crate) name: String,
    /// The program that it runs; it is put into the root folder
    #[arg(long, value_name = "FILE")]
    pub(crate) program: PathBuf,
    /// A further file that the program reads, and where it is in the image
    #[arg(long, value_name = "FILE=PATH", value_parser = file_and_path)]
    pub(crate) file: Vec<(PathBuf, String)>,
    /// User and group that it runs as
    #[arg(long, value_name = "UID:GID", default_value = "65532:65532")]
    pub(crate) user: String,
    /// The archive to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

fn file_and_path(text: &str) -> Result<(PathBuf, String), String> {
    let (file, path) = text.split_once('=').ok_or("want FILE=PATH")?;
    Ok((file.into(), path.trim_start_matches('/').to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) bed: Name,
    /// Stop every bed on this machine, whatever --name says
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) bed: Name,
    /// The arguments; for `exec` the program comes first
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Ssh {
    #[command(flatten)]
    pub(crate) bed: Name,
    /// The host
    pub(crate) host: String,
    /// A command to run instead of a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct FaultOnHost {
    #[command(flatten)]
    pub(crate) bed: Name,
    /// The host
    pub(crate) host: String,
    /// What is to be wrong with it
    #[arg(value_parser = PossibleValuesParser::new(Fault::ALL.map(Fault::name)).try_map(|name| name.parse::<Fault>()))]
    pub(crate) fault: Fault,
    /// Take the fault away again
    #[arg(long)]
    pub(crate) lift: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_of_kubectl_are_not_taken_for_ours() {
        let cli =
            Cli::try_parse_from(["bed", "kubectl", "--name", "a", "get", "nodes", "-o", "name", "--name=x"]);
        let Command::Kubectl(run) = cli.unwrap().command else { panic!("kubectl was asked for") };
        assert_eq!((run.bed.name.as_str(), run.arguments.len()), ("a", 5));
    }
}
