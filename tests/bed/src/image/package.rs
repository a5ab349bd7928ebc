//! RPM packages made on request, by `rpmbuild`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ImageError, file_error};
use crate::process;

/// A file that a package installs.
#[derive(Debug, Clone)]
pub struct PackageFile {
    /// Where the host finds it (absolute).
    pub target: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// Its permission bits, such as `0o755`.
    pub mode: u32,
}

/// A package to be built for `x86_64`.
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    version: String,
    release: String,
    provides: Vec<String>,
    requires: Vec<String>,
    files: Vec<PackageFile>,
    pre: Option<String>,
    post: Option<String>,
}

impl Package {
    /// An empty package.
    pub fn new(name: &str, version: &str, release: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            provides: Vec::new(),
            requires: Vec::new(),
            files: Vec::new(),
            pre: None,
            post: None,
        }
    }

    /// Adds a capability that the package provides: a name, or a path.
    #[must_use]
    pub fn provides(mut self, capability: &str) -> Self {
        self.provides.push(capability.to_owned());
        self
    }

    /// Adds a capability that must be installed with the package.
    #[must_use]
    pub fn requires(mut self, capability: &str) -> Self {
        self.requires.push(capability.to_owned());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, file: PackageFile) -> Self {
        self.files.push(file);
        self
    }

    /// Sets the shell text that runs before the files are installed.
    #[must_use]
    pub fn pre(mut self, script: &str) -> Self {
        self.pre = Some(script.to_owned());
        self
    }

    /// Sets the shell text that runs after the files are installed.
    #[must_use]
    pub fn post(mut self, script: &str) -> Self {
        self.post = Some(script.to_owned());
        self
    }

    /// Builds the package and returns the path of its file, `FOLDER/NAME-VERSION-RELEASE.x86_64.rpm`.
    pub fn build(&self, folder: &Path) -> Result<PathBuf, ImageError> {
        let file = format!("{}-{}-{}.x86_64.rpm", self.name, self.version, self.release);
        let work = folder.join(format!(".build-{file}"));
        fs::create_dir_all(&work).map_err(file_error(&work))?;
        for (number, content) in self.files.iter().enumerate() {
            let source = work.join(number.to_string());
            fs::write(&source, &content.content).map_err(file_error(source))?;
        }
        let spec = work.join("package.spec");
        fs::write(&spec, self.spec_file()).map_err(file_error(&spec))?;
        process::run(&mut rpmbuild(&work, &spec))?;
        let built = folder.join(&file);
        fs::rename(work.join("RPMS").join(&file), &built).map_err(file_error(&built))?;
        fs::remove_dir_all(&work).map_err(file_error(&work))?;
        Ok(built)
    }

    /// The spec file. The sources of its files are called 0, 1, … in the build's top folder.
    pub(super) fn spec_file(&self) -> String {
        let Self { name, version, release, .. } = self;
        let mut spec = format!("Name: {name}\nVersion: {version}\nRelease: {release}\n");
        spec.push_str(PREAMBLE);
        for (tag, capabilities) in [("Provides", &self.provides), ("Requires", &self.requires)] {
            spec.extend(capabilities.iter().map(|capability| format!("{tag}: {capability}\n")));
        }
        spec.push_str("%description\nMade by the test bed.\n%install\n");
        for (number, PackageFile { target, mode, .. }) in self.files.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(spec, "install -D -m {mode:o} %{{_topdir}}/{number} %{{buildroot}}{target}");
        }
        for (section, script) in [("%pre", &self.pre), ("%post", &self.post)] {
            if let Some(script) = script {
                let _ = writeln!(spec, "{section}\n{script}");
            }
        }
        spec.push_str("%files\n");
        spec.extend(self.files.iter().map(|file| format!("{}\n", file.target)));
        spec
    }
}

/// Nothing may be derived from the payload: it is a Debian program in a Red Hat package, and must stay as it is.
const PREAMBLE: &str = "Summary: A package of the test bed\nLicense: LGPL-2.1-or-later\nBuildArch: x86_64\n\
    AutoReqProv: no\n%global __os_install_post %{nil}\n%global _build_id_links none\n%global debug_package %{nil}\n";

fn rpmbuild(work: &Path, spec: &Path) -> Command {
    let mut command = Command::new("rpmbuild");
    command.args(["-bb", "--quiet", "--target", "x86_64"]);
    let macros = [
        format!("_topdir {}", work.display()),
        "_rpmdir %{_topdir}/RPMS".to_owned(),
        "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm".to_owned(),
        // The build asks the database of the machine otherwise, and makes one in the home folder.
        "_dbpath %{_topdir}/database".to_owned(),
    ];
    for definition in macros {
        command.arg("--define").arg(definition);
    }
    command.arg(spec);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_lists_what_was_asked_for() {
        let file = PackageFile { target: "/etc/motd".to_owned(), content: Vec::new(), mode: 0o644 };
        let package = Package::new("motd", "1", "2.el7").provides("greeting").file(file).post("exit 1");
        let spec = package.spec_file();
        for part in ["Release: 2.el7\n", "Provides: greeting\n", "%post\nexit 1\n", "%files\n/etc/motd\n"] {
            assert!(spec.contains(part), "{part:?} is missing in\n{spec}");
        }
        assert!(spec.contains("install -D -m 644 %{_topdir}/0 %{buildroot}/etc/motd"), "{spec}");
        assert!(!spec.contains("%pre"), "{spec}");
    }
}
