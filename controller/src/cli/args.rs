//! The command line: global flags, the list of commands, and what the tool is called.

use std::ffi::OsStr;
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

use super::client::Connection;
use super::{abort, explain, get, guard, hold, plan, playbook, resolve, run, simulate, uninstall, watch};
use crate::serve::Options;

const EXAMPLES: &str = "\
Examples:
  nodemend get nodes                           what is wrong, where, and what is done about it
  nodemend plan --policy old-systemd           what would be done, to which nodes, and why
  nodemend run --policy old-systemd --watch    repair, and look on
  nodemend stop --cluster --reason freeze      nothing new starts, anywhere
  nodemend explain web-3                       why this node is, or is not, being repaired

Exit status: 0 yes or done; 1 a negative answer (failed, not found, not in order); 2 wrong usage,
or no answer.";

/// Self-healing for Kubernetes node pools.
#[derive(Debug, Parser)]
#[command(name = "nodemend", version, about, after_help = EXAMPLES, max_term_width = 100)]
#[command(disable_help_subcommand = true, infer_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what would be done, to which nodes, and why not to others
    Plan(plan::Flags),
    /// Show how runs and policies would go, in virtual time
    Simulate(simulate::Flags),
    /// Start a repair by hand, after showing what it will do
    Run(run::Flags),
    /// Look on at a run, live
    Watch(watch::Flags),
    /// Show what there is, what it is doing and what blocks it
    Get(get::Flags),
    /// Say why a node is, or is not, being repaired
    Explain(explain::Flags),
    /// Stop everything, a pool, a policy, a run, a node or a playbook: makes a Hold
    #[command(after_help = hold::STOP_EXAMPLES)]
    Stop(hold::Make),
    /// Finish the nodes under way and start no other: makes a Hold that pauses
    #[command(after_help = hold::PAUSE_EXAMPLES)]
    Pause(hold::Make),
    /// Let what is paused go on
    Resume(hold::Resume),
    /// Let it go on: deletes Holds
    Release(hold::Release),
    /// End a run for good
    Abort(abort::Flags),
    /// Say what became of a step of a held node that the controller cannot know
    Resolve(resolve::Flags),
    /// Let repairs go on after a restored backup
    #[command(subcommand)]
    Guard(guard::Command),
    /// Run the controller: observe, plan, repair
    Controller(Options),
    /// Read, check and list playbooks
    #[command(subcommand)]
    Playbook(playbook::Command),
    /// Print the kinds (CRDs) as YAML
    #[command(after_help = "Example:\n  nodemend crds | kubectl apply -f -")]
    Crds,
    /// Print kinds, namespace, identity and rights of the controller as YAML
    #[command(after_help = super::install::EXAMPLES)]
    Install,
    /// End all runs, give nodes back, and leave nothing of Nodemend that hangs
    #[command(after_help = uninstall::EXAMPLES)]
    Uninstall(uninstall::Flags),
    /// Print the version
    Version,
}

/// The command line under the name that the program was called by: as `kubectl-mend` it is kubectl's plugin `mend`.
pub fn command(argv0: Option<&OsStr>) -> clap::Command {
    let command = Cli::command();
    let called = argv0.map(Path::new).and_then(Path::file_name);
    if called.is_some_and(|name| name == "kubectl-mend") { command.bin_name("kubectl mend") } else { command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command(None).debug_assert();
    }

    #[test]
    fn nodes_are_chosen_in_exactly_one_way() {
        let parses = |arguments: &str| Cli::try_parse_from(arguments.split_whitespace()).is_ok();
        assert!(parses("nodemend plan --pool web --node a b --playbook p --set k=v --batch 1,25%"));
        assert!(parses("nodemend run --policy old --yes --watch"));
        assert!(!parses("nodemend plan --pool web"), "no nodes");
        assert!(!parses("nodemend plan --policy old --node a"), "two ways");
        assert!(!parses("nodemend plan --node a --set k"), "no value");
    }

    #[test]
    fn a_hold_has_exactly_one_scope() {
        let parses = |scope: &str| {
            let arguments = format!("nodemend stop --reason r {scope}");
            Cli::try_parse_from(arguments.split_whitespace()).is_ok()
        };
        assert!(parses("--cluster") && parses("--pool web") && parses("--playbook p --pool web"));
        assert!(!parses("") && !parses("--cluster --pool web") && !parses("--playbook p"));
        assert!(!parses("--run r --node n") && !parses("--policy p --playbook q --pool web"));
    }

    #[test]
    fn kubectl_calls_it_by_the_name_of_its_plugin() {
        let name = |argv0: &str| command(Some(OsStr::new(argv0))).get_bin_name().map(str::to_owned);
        assert_eq!(name("/usr/local/bin/kubectl-mend").as_deref(), Some("kubectl mend"));
        assert_eq!(name("nodemend"), None);
    }
}
