//! How the tool reaches the cluster: kubeconfig, context and time-outs.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use nodemend_core::snapshot::Snapshot;
use nodemend_core::time::Span;

use super::CliError;
use super::error::Asked;
use crate::watch;

/// How long a connection may take to come about; a request has `--request-timeout` on top.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct Connection {
    /// The kubeconfig; without it KUBECONFIG, ~/.kube/config, or the service account of this pod
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig, if not the current one
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// How long one request may take
    #[arg(long, global = true, value_name = "TIME", default_value = "30s")]
    request_timeout: Span,
}

impl Connection {
    /// The configuration that the flags and the environment ask for.
    pub(super) async fn config(&self) -> Result<Config, CliError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        if let Some(file) = &self.kubeconfig {
            let about = format!("--kubeconfig {}", file.display());
            let read = Kubeconfig::read_from(file).map_err(|error| CliError::config(&about, &error))?;
            let made = Config::from_custom_kubeconfig(read, &options).await;
            return made.map_err(|error| CliError::config(&about, &error));
        }
        if let Some(context) = &self.context {
            let made = Config::from_kubeconfig(&options).await;
            return made.map_err(|error| CliError::config(&format!("--context {context}"), &error));
        }
        Config::infer().await.map_err(|error| {
            CliError::config("no kubeconfig (KUBECONFIG, ~/.kube/config) and no service account", &error)
        })
    }

    /// A client for single requests. None is sent twice by itself: an operator who sees an error decides.
    pub(super) async fn cluster(&self) -> Result<Cluster, CliError> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT.min(self.request_timeout.as_duration()));
        config.read_timeout = Some(self.request_timeout.as_duration());
        config.reset_reader_on_write = true;
        Cluster::new(config)
    }

    /// A client for watches, which are silent for longer than a request may take.
    pub(super) async fn watching(&self) -> Result<Cluster, CliError> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT);
        Cluster::new(config)
    }
}

/// A client, and what its errors have to name.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) client: Client,
    url: String,
}

impl Cluster {
    fn new(mut config: Config) -> Result<Self, CliError> {
        config.default_retry = false;
        let url = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|error| CliError::config(&url, &error))?;
        Ok(Self { client, url })
    }

    /// What the error of a request about `asked` means.
    pub(super) fn failed(&self, asked: Asked<'_>, error: &kube::Error) -> CliError {
        CliError::request(&self.url, asked, error)
    }

    /// Everything that decisions are made from.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, CliError> {
        let loaded = watch::load(&self.client).await;
        loaded.map_err(|error| self.failed(Asked::list(error.kind), &error.source))
    }

    /// The name by which the API server knows whoever runs this.
    pub(super) async fn user(&self) -> Result<String, CliError> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let asked = Asked { verb: "create", kind: "SelfSubjectReview", name: None };
        let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review = review.map_err(|error| self.failed(asked, &error))?;
        let name = review.status.and_then(|status| status.user_info).and_then(|user| user.username);
        name.ok_or(CliError::NoUser)
    }
}
