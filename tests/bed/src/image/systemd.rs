//! The package `systemd` that owns PID 1's binary, so that "installed" and "running" can really differ.
//!
//! Every version installs the image's own program with one line appended, which names the version. An ELF file ends where
//! its headers say, so the program still runs, and what a process runs can be read from `/proc/1/exe`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::base::{BaseImage, install_without_scriptlets};
use super::package::{Package, PackageFile};
use super::{ImageError, file_error};
use crate::cache;
use crate::process;

/// The version that hosts start with.
pub const OLD_SYSTEMD: &str = "219-62.el7";
/// The version that is offered as an upgrade.
pub const NEW_SYSTEMD: &str = "219-78.el7_9.9";

/// PID 1's binary, as the package installs it.
const PROGRAM: &str = "/usr/lib/systemd/systemd";
/// What stands before the version in the appended line.
const MARK: &str = "\nnodemend-bed systemd ";
/// The real package's scriptlet: the manager executes itself anew, and failing to do so fails nothing.
const POST: &str = "systemctl daemon-reexec >/dev/null 2>&1 || :";

/// The package in `version` (`VERSION-RELEASE`), with the scriptlet that the real package has.
pub fn systemd_package(base: &BaseImage, version: &str) -> Result<Package, ImageError> {
    let program = base.root().join(PROGRAM.trim_start_matches('/'));
    let mut content = fs::read(&program).map_err(file_error(program))?;
    content.extend(format!("{MARK}{version}\n").bytes());
    let (upstream, release) =
        version.split_once('-').ok_or_else(|| ImageError::Version(version.to_owned()))?;
    let file = PackageFile { target: PROGRAM.to_owned(), content, mode: 0o755 };
    Ok(Package::new("systemd", upstream, release).file(file).post(POST))
}

/// The version that a copy of PID 1's binary names in its last line.
pub fn running_version(program: &[u8]) -> Option<String> {
    let line_start = program.len().checked_sub(1)?;
    let start = program[..line_start].iter().rposition(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&program[start..line_start]).ok()?;
    line.strip_prefix(MARK).map(str::to_owned)
}

/// A layer to lie over the base image: the package installed in `version`. Made once per version (0.3 s) and cached.
pub fn systemd_layer(base: &BaseImage, version: &str) -> Result<PathBuf, ImageError> {
    let package = systemd_package(base, version)?;
    let key = cache::key([base.key(), version, MARK, &package.spec_file()].map(str::as_bytes));
    let folder = cache::folder("systemd-layer", &key, |target| make_layer(target, base, &package))?;
    Ok(folder.join("upper"))
}

fn make_layer(target: &Path, base: &BaseImage, package: &Package) -> Result<(), ImageError> {
    for folder in ["upper", "work", "merged"] {
        fs::create_dir(target.join(folder)).map_err(file_error(target))?;
    }
    let merged = target.join("merged");
    process::run(&mut mount_command(target, base))?;
    let installed =
        package.build(&merged.join("tmp")).and_then(|rpm| install_without_scriptlets(&merged, &rpm));
    process::run(Command::new("umount").arg(&merged))?;
    installed
}

fn mount_command(target: &Path, base: &BaseImage) -> Command {
    let folder = |name| target.join(name).display().to_string();
    let options = format!(
        "redirect_dir=on,lowerdir={},upperdir={},workdir={}",
        base.root().display(),
        folder("upper"),
        folder("work")
    );
    let mut mount = Command::new("mount");
    mount.args(["-t", "overlay", "overlay", "-o", &options]).arg(folder("merged"));
    mount
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_names_the_version() {
        let mut program = b"\x7fELF\n\0code".to_vec();
        assert_eq!(running_version(&program), None);
        program.extend(format!("{MARK}219-62.el7\n").bytes());
        assert_eq!(running_version(&program).as_deref(), Some("219-62.el7"));
        assert_eq!(running_version(b""), None);
    }
}
