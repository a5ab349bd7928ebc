//! Kubeconfig files. They name certificates by path, and are JSON, which every reader of YAML accepts.

use std::path::{Path, PathBuf};

use serde_json::json;

/// How a client proves who it is.
#[derive(Debug)]
pub enum Credential<'a> {
    /// A client certificate and its key, as files.
    Certificate {
        /// The certificate's file.
        certificate: &'a Path,
        /// The key's file.
        key: &'a Path,
    },
    /// A bearer token.
    Token(&'a str),
}

/// The text of a kubeconfig for one user of the API server at `server` (a URL) whose CA certificate is in `ca_file`.
///
/// The paths are those that the reader sees: for a kubelet, paths inside its host.
pub fn text(server: &str, ca_file: &Path, credential: &Credential<'_>) -> String {
    let user = match credential {
        Credential::Certificate { certificate, key } => {
            json!({"client-certificate": certificate, "client-key": key})
        }
        Credential::Token(token) => json!({"token": token}),
    };
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": {"server": server, "certificate-authority": ca_file}}],
        "users": [{"name": "bed", "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "bed"}}],
    });
    format!("{config:#}\n")
}

/// The kubeconfigs of a bed's clients.
#[derive(Debug, Clone)]
pub(crate) struct Kubeconfigs {
    /// Of `system:masters`; works from any namespace.
    pub(crate) admin: PathBuf,
    /// Of the controller's service account; works from any namespace.
    pub(crate) controller: PathBuf,
}

impl Kubeconfigs {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { admin: folder.join("admin.kubeconfig"), controller: folder.join("controller.kubeconfig") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_written_for_the_current_context() {
        let text = text("https://127.0.0.1:1", Path::new("/ca.crt"), &Credential::Token("secret"));
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["users"][0]["user"]["token"], "secret");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:1");
    }
}
