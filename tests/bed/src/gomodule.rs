//! The Go modules under `go/`, each built into one folder of programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions of Kubernetes that the bed can build. Each has a Go module of its own, `go/kubernetes-…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KubernetesRelease {
    /// Kubernetes 1.36.3 with etcd 3.6.8.
    #[default]
    V1_36,
}

/// The names that the one Kubernetes binary answers to.
const KUBERNETES_PROGRAMS: [&str; 7] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
];

/// One Go module of the bed and how it is built.
#[derive(Debug)]
pub(crate) struct GoModule {
    /// The folder under `go/`, which also names the cache folder.
    pub(crate) name: &'static str,
    packages: &'static [&'static str],
    arguments: Vec<String>,
    /// Whether C code is linked: runc needs libseccomp, the others are static.
    cgo: bool,
    /// Further names of the one program that the module builds.
    names: &'static [&'static str],
}

impl GoModule {
    pub(crate) fn kubernetes(release: KubernetesRelease) -> Self {
        let (name, minor, version) = match release {
            KubernetesRelease::V1_36 => ("kubernetes-1.36", "36", "v1.36.3"),
        };
        // Without these a client cannot tell the server's version.
        let set = "-X k8s.io/component-base/version.git";
        let ldflags =
            format!("-s -w {set}Version={version} {set}Major=1 {set}Minor={minor} {set}TreeState=clean");
        Self {
            name,
            packages: &["."],
            arguments: ldflags_arguments(&ldflags),
            cgo: false,
            names: &KUBERNETES_PROGRAMS,
        }
    }

    pub(crate) fn containerd() -> Self {
        let mut arguments =
            ldflags_arguments("-s -w -X github.com/containerd/containerd/v2/version.Version=v2.4.2");
        arguments.extend(["-tags".to_owned(), "no_btrfs,no_zfs,no_devmapper".to_owned()]);
        let packages = &[
            "github.com/containerd/containerd/v2/cmd/containerd",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "github.com/containerd/containerd/v2/cmd/ctr",
        ];
        Self { name: "containerd", packages, arguments, cgo: false, names: &[] }
    }

    pub(crate) fn runc() -> Self {
        // Without seccomp, runc refuses every sandbox of the kubelet.
        let mut arguments = ldflags_arguments("-s -w");
        arguments.extend(["-tags".to_owned(), "seccomp".to_owned()]);
        Self { name: "runc", packages: &["github.com/opencontainers/runc"], arguments, cgo: true, names: &[] }
    }

    pub(crate) fn cni() -> Self {
        let packages = &[
            "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "github.com/containernetworking/plugins/plugins/main/bridge",
            "github.com/containernetworking/plugins/plugins/main/loopback",
            "github.com/containernetworking/plugins/plugins/meta/portmap",
        ];
        Self { name: "cni", packages, arguments: ldflags_arguments("-s -w"), cgo: false, names: &[] }
    }

    pub(crate) fn pause() -> Self {
        Self {
            name: "pause",
            packages: &["."],
            arguments: ldflags_arguments("-s -w"),
            cgo: false,
            names: &["pause"],
        }
    }

    pub(crate) fn kwok() -> Self {
        let packages = &["sigs.k8s.io/kwok/cmd/kwok"];
        Self { name: "kwok", packages, arguments: ldflags_arguments("-s -w"), cgo: false, names: &[] }
    }

    pub(crate) fn helm() -> Self {
        let packages = &["helm.sh/helm/v4/cmd/helm"];
        Self { name: "helm", packages, arguments: ldflags_arguments("-s -w"), cgo: false, names: &[] }
    }

    pub(crate) fn plain_hosts() -> Self {
        let arguments = ldflags_arguments("-s -w");
        Self { name: "plainhosts", packages: &["."], arguments, cgo: false, names: &["plainhosts"] }
    }

    /// Where the module's sources are.
    pub(crate) fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.name)
    }

    /// Everything that decides what is built.
    pub(crate) fn cache_key(&self) -> std::io::Result<String> {
        let mut parts = Vec::new();
        for file in ["go.mod", "go.sum", "main.go"] {
            match fs::read(self.source().join(file)) {
                Ok(content) => parts.push(content),
                // A module of upstream programs has no main.go, one without requirements no go.sum.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => parts.push(Vec::new()),
                Err(error) => return Err(error),
            }
        }
        for file in self.further_sources()? {
            parts.push(fs::read(file)?);
        }
        let words = self.packages.iter().chain(self.names).map(|word| word.as_bytes());
        let arguments = self.arguments.iter().map(String::as_bytes);
        Ok(crate::cache::key(parts.iter().map(Vec::as_slice).chain(words).chain(arguments)))
    }

    /// The Go files beside `main.go`, in order.
    fn further_sources(&self) -> std::io::Result<Vec<PathBuf>> {
        let entries: Vec<_> = fs::read_dir(self.source())?.collect::<Result<_, _>>()?;
        let mut files: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
        files.retain(|path| {
            path.extension().is_some_and(|ending| ending == "go") && !path.ends_with("main.go")
        });
        files.sort();
        Ok(files)
    }

    /// The command that builds the module's programs into `target`.
    pub(crate) fn build_command(&self, target: &Path) -> Command {
        // Others may need the machine's cores meanwhile.
        let mut command = Command::new("nice");
        command.args(["go", "build", "-trimpath", "-buildvcs=false"]).args(&self.arguments).arg("-o");
        // `-o FOLDER/` keeps the packages' own names; a module of ours gets the first of its names.
        match self.names.first() {
            Some(_) => command.arg(target.join(self.name)),
            None => command.arg(format!("{}/", target.display())),
        };
        command.args(self.packages).current_dir(self.source());
        command.env("CGO_ENABLED", if self.cgo { "1" } else { "0" });
        command
    }

    /// Gives the built program its further names, as relative links: the folder will be moved.
    pub(crate) fn link_names(&self, target: &Path) -> std::io::Result<()> {
        self.names
            .iter()
            .filter(|name| **name != self.name)
            .try_for_each(|name| std::os::unix::fs::symlink(self.name, target.join(name)))
    }
}

fn ldflags_arguments(ldflags: &str) -> Vec<String> {
    vec!["-ldflags".to_owned(), ldflags.to_owned()]
}
