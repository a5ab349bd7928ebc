//! The yum repository of a bed, served over HTTP on the bed's own address.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::package::Package;
use super::{BaseImage, ImageError, file_error};
use crate::cgroup::Cgroup;
use crate::hub::{self, HubContext};
use crate::process;

/// The server's port on the bed's address, [`hub::ADDRESS`].
pub const PORT: u16 = 8090;

/// How long the server may take to listen. It takes 0.2 s on an idle machine.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// The server is the image's own Python, which `yum` needs anyway: this machine needs none.
///
/// The arguments are the repository's folder, the image's root, the address and the port. The mount is private to the
/// server and goes with it.
const SERVE: &str = "mount --bind \"$0\" \"$1/srv/repository\" && exec chroot \"$1\" \
    python3 -m http.server --directory /srv/repository --bind \"$2\" \"$3\"";

/// The repository of one bed. Its packages are files in the bed's folder; its server can be stopped and started.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
    image_root: PathBuf,
    netns: String,
    cgroup: Cgroup,
    log: PathBuf,
}

impl Repository {
    /// The repository of a bed, served or not.
    pub fn of(hub: &HubContext, base: &BaseImage) -> Self {
        Self {
            folder: hub.dir.join("repository"),
            image_root: base.root().to_owned(),
            netns: hub.netns.clone(),
            cgroup: hub.cgroup.child("repository"),
            log: hub.log("repository"),
        }
    }

    /// What `yum` is told as the repository's address.
    pub fn url() -> String {
        format!("http://{}/", Self::address())
    }

    /// Where the server listens, seen from hosts and from inside the hub.
    pub fn address() -> SocketAddr {
        SocketAddr::from((hub::ADDRESS, PORT))
    }

    /// Builds a package into the repository. Hosts see it at once.
    pub fn add(&self, package: &Package) -> Result<(), ImageError> {
        let packages = self.folder.join("packages");
        fs::create_dir_all(&packages).map_err(file_error(&packages))?;
        package.build(&packages)?;
        self.index()
    }

    /// Takes the package files whose names start with `prefix`, such as `systemd-219-90`, out again.
    pub fn remove(&self, prefix: &str) -> Result<(), ImageError> {
        let packages = self.folder.join("packages");
        for entry in fs::read_dir(&packages).map_err(file_error(&packages))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                fs::remove_file(entry.path()).map_err(file_error(entry.path()))?;
            }
        }
        self.index()
    }

    fn index(&self) -> Result<(), ImageError> {
        process::run(Command::new("createrepo_c").args(["--quiet", "--update"]).arg(&self.folder))?;
        Ok(())
    }

    /// Starts the server unless it runs, and waits until it answers.
    pub fn start(&self) -> Result<(), ImageError> {
        if self.is_served() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(file_error(&self.folder))?;
        self.cgroup.create().map_err(file_error(self.cgroup.path()))?;
        let mut server = process::command(&self.cgroup, Some(&self.netns), "unshare");
        server.args(["--mount", "--propagation", "private", "--", "sh", "-c", SERVE]);
        server.args([Path::new(&self.folder), &self.image_root]);
        server.args([hub::ADDRESS.to_string(), PORT.to_string()]);
        process::start_logged(&mut server, &self.log)?;
        self.wait_until_listening()
    }

    fn wait_until_listening(&self) -> Result<(), ImageError> {
        let mut sockets = process::command(&self.cgroup, Some(&self.netns), "ss");
        sockets.args(["-H", "-ltn", &format!("sport = :{PORT}")]);
        let deadline = Instant::now() + START_DEADLINE;
        while process::run(&mut sockets)?.is_empty() {
            if Instant::now() > deadline || !self.is_served() {
                return Err(ImageError::NotServed(self.log.clone()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops the server: hosts are refused at once.
    pub fn stop(&self) -> Result<(), ImageError> {
        self.cgroup.kill().map_err(file_error(self.cgroup.path()))
    }

    /// Whether the server's process is there.
    pub fn is_served(&self) -> bool {
        fs::read_to_string(self.cgroup.procs_file()).is_ok_and(|processes| !processes.is_empty())
    }
}
