//! Building the bed's programs, once: later runs find them in the cache.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::cache::{self, CacheError};
use crate::gomodule::{GoModule, KubernetesRelease};

/// How often a long build says that it is still at work.
const PROGRESS: Duration = Duration::from_secs(10);
/// How often the build is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Why the bed's programs could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A module's files cannot be read.
    #[error("cannot read the Go module {module}: {source}")]
    Source {
        /// The module.
        module: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The Go tool could not be started.
    #[error("cannot start `go` for {module}: {source}; install Go 1.26 or later from go.dev/dl")]
    Start {
        /// The module.
        module: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The Go tool failed.
    #[error("building {module} failed:\n{output}")]
    Failed {
        /// The module.
        module: &'static str,
        /// The end of what the Go tool wrote.
        output: String,
    },
    /// An image archive could not be made.
    #[error("cannot make the image archive {path}: {source}")]
    Image {
        /// The archive.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// The folders of the programs of a bed. They hold nothing else and can be bound read-only into a host.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Binaries {
    /// etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl: links to one binary.
    pub kubernetes: PathBuf,
    /// containerd, containerd-shim-runc-v2, ctr.
    pub containerd: PathBuf,
    /// runc.
    pub runc: PathBuf,
    /// The CNI plugins bridge, host-local, loopback, portmap.
    pub cni: PathBuf,
    /// pause, the program in the images.
    pub pause: PathBuf,
}

impl Binaries {
    /// Builds what the cache lacks. Quiet when there is nothing to do, else a line on standard error about every 10 s.
    pub fn build(release: KubernetesRelease) -> Result<Self, BuildError> {
        // The small ones first, so that a missing C library shows before the long build.
        Ok(Self {
            runc: build(&GoModule::runc())?,
            pause: build(&GoModule::pause())?,
            cni: build(&GoModule::cni())?,
            containerd: build(&GoModule::containerd())?,
            kubernetes: build(&GoModule::kubernetes(release))?,
        })
    }

    /// A program of the control plane or `kubectl`: the one in `KUBEBUILDER_ASSETS` if there is one, else the one built here.
    pub fn control_plane(&self, program: &str) -> PathBuf {
        let given = std::env::var_os("KUBEBUILDER_ASSETS").map(|folder| PathBuf::from(folder).join(program));
        given.filter(|path| path.is_file()).unwrap_or_else(|| self.kubernetes.join(program))
    }
}

/// Builds the stand-in for kubelets, which only tests of scale need, and returns its folder.
pub(crate) fn kwok() -> Result<PathBuf, BuildError> {
    build(&GoModule::kwok())
}

/// Builds `helm`, which only what installs a chart needs, and returns its folder.
pub(crate) fn helm() -> Result<PathBuf, BuildError> {
    build(&GoModule::helm())
}

/// Builds the stand-in for the hosts of plain nodes and returns its folder.
pub(crate) fn plain_hosts() -> Result<PathBuf, BuildError> {
    build(&GoModule::plain_hosts())
}

fn build(module: &GoModule) -> Result<PathBuf, BuildError> {
    let source = |source| BuildError::Source { module: module.name, source };
    cache::folder(module.name, &module.cache_key().map_err(source)?, |target| {
        compile(module, target)?;
        module.link_names(target).map_err(source)
    })
}

fn compile(module: &GoModule, target: &Path) -> Result<(), BuildError> {
    let start_failed = |source| BuildError::Start { module: module.name, source };
    let log = target.with_extension("log");
    let output = File::create(&log).map_err(start_failed)?;
    let mut command = module.build_command(target);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
    let started = Instant::now();
    eprintln!("bed: building {} (once; the result is cached in {})", module.name, cache::root().display());
    let success = wait_with_progress(&mut command.spawn().map_err(start_failed)?, module.name, started)
        .map_err(start_failed)?;
    if !success {
        return Err(BuildError::Failed { module: module.name, output: last_lines(&log) });
    }
    std::fs::remove_file(&log).map_err(start_failed)?;
    eprintln!("bed: built {} in {} s", module.name, started.elapsed().as_secs());
    Ok(())
}

fn wait_with_progress(child: &mut Child, module: &str, started: Instant) -> std::io::Result<bool> {
    let mut next_line = PROGRESS;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if started.elapsed() >= next_line {
            eprintln!("bed: building {module}: {} s so far", started.elapsed().as_secs());
            next_line += PROGRESS;
        }
        std::thread::sleep(POLL);
    }
}

/// The end of a log file, for messages.
pub(crate) fn last_lines(log: &Path) -> String {
    const LINES: usize = 20;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
