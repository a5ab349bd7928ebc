//! The package `systemd` that owns PID 1's binary, so that "installed" and "running" can really differ.
//!
//! Every version installs the image's own program with one line appended, which names the version. An ELF file ends where
//! its headers say, so the program still runs, and what a process runs can be read from `/proc/1/exe`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::base::{BaseImage, RPM_INSTALL};
use super::package::{Package, PackageFile};
use super::{ImageError, file_error};
use crate::cache;
use crate::process;

/// Installs a package into a layer over the image. The mount is private to the shell and goes with it.
///
/// The arguments are the folder with `upper`, `work` and `merged`, the image's root, the package's file and the command that
/// installs it.
const INSTALL: &str = r#"
    options="redirect_dir=on,lowerdir=$1,upperdir=$0/upper,workdir=$0/work"
    mount -t overlay overlay -o "$options" "$0/merged"
    cp "$2" "$0/merged/tmp/package.rpm"
    cd "$0/merged"
    shift 2
    chroot . "$@" /tmp/package.rpm
    rm tmp/package.rpm"#;

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
    let key = cache::key([base.key(), version, MARK, INSTALL, &package.spec_file()].map(str::as_bytes));
    let folder = cache::folder("systemd-layer", &key, |target| make_layer(target, base, &package))?;
    Ok(folder.join("upper"))
}

fn make_layer(target: &Path, base: &BaseImage, package: &Package) -> Result<(), ImageError> {
    for folder in ["upper", "work", "merged"] {
        fs::create_dir(target.join(folder)).map_err(file_error(target))?;
    }
    let rpm = package.build(target)?;
    let mut install = Command::new("unshare");
    install.args(["--mount", "--propagation", "private", "sh", "-euc", INSTALL]);
    install.args([target, base.root(), &rpm]).args(RPM_INSTALL);
    process::run(&mut install)?;
    fs::remove_file(&rpm).map_err(file_error(rpm))
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
