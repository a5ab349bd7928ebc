//! The one program that runs on a host, and the constant command line that starts it.

use std::sync::LazyLock;

use nodemend_core::ids::Digest;

/// The program's text: its parts, in the order that the shell reads them.
pub const PROGRAM: &str = concat!(
    include_str!("node/frame.sh"),
    include_str!("node/state.sh"),
    include_str!("node/verbs.sh"),
    include_str!("node/upkeep.sh"),
    include_str!("node/facts.sh"),
    include_str!("node/kubelet.sh"),
    include_str!("node/job.sh"),
    include_str!("node/package.sh"),
    include_str!("node/transaction.sh"),
    include_str!("node/reboot.sh"),
    include_str!("node/service.sh"),
    include_str!("node/main.sh"),
);

/// The digest of [`PROGRAM`]: what a plan names, and what a forced command can be compared with.
pub static PROGRAM_DIGEST: LazyLock<Digest> = LazyLock::new(|| Digest::of(PROGRAM.as_bytes()));

static WITH_SUDO: LazyLock<String> = LazyLock::new(|| format!("exec sudo -n {}", shell_line()));
static PLAIN: LazyLock<String> = LazyLock::new(|| format!("exec {}", shell_line()));

/// The command line that every connection sends, whatever it asks for: what a forced command can pin.
pub fn command_line(sudo: bool) -> &'static str {
    if sudo { &WITH_SUDO } else { &PLAIN }
}

/// The program is the shell's first argument, so that it can start itself again as a job.
fn shell_line() -> String {
    format!("/bin/sh -c 'eval \"$1\"' nodemend '{}'", PROGRAM.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// libssh2 sends a command line in one packet of at most 35,000 bytes, 256 of them its own.
    #[test]
    fn the_command_line_fits_one_packet() {
        assert!(command_line(true).len() < 34_000, "{} bytes", command_line(true).len());
    }

    #[test]
    fn a_shell_gives_the_program_back_unchanged() {
        let script = command_line(false).replace("exec /bin/sh -c 'eval \"$1\"' nodemend", "printf %s");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), PROGRAM);
    }
}
