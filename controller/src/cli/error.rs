//! Everything that can go wrong with a command, each with the object it is about and the next step.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use kube::core::Status;
use nodemend_api::yaml::YamlError;
use nodemend_core::plan::build::PlanError;

use crate::serve::ServeError;

/// Why a command gives no answer, or a negative one.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The kubeconfig cannot be read, or does not hold what is asked for.
    #[error(
        "{about}: {problem}\nnext: name another with --kubeconfig or --context; `kubectl config get-contexts` lists contexts"
    )]
    Config {
        /// Which configuration.
        about: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answered.
    #[error(
        "no answer from the API server {url}: {problem}\nnext: is it up, and is the kubeconfig right? `kubectl cluster-info` asks the same"
    )]
    Unreachable {
        /// The API server.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The API server does not know who asks.
    #[error(
        "the API server {url} does not accept these credentials\nnext: log on again, or name another user with --kubeconfig or --context"
    )]
    Unauthorized {
        /// The API server.
        url: String,
    },
    /// RBAC refuses, or an admission policy.
    #[error(
        "not allowed: {message}\nnext: ask for the right; `kubectl auth can-i {verb} {resource}` tells when you have it"
    )]
    Forbidden {
        /// What the API server said.
        message: String,
        /// What was tried.
        verb: &'static str,
        /// On which resource.
        resource: String,
    },
    /// The kinds are not installed.
    #[error("the cluster does not know the kind {kind}\nnext: nodemend crds | kubectl apply -f -")]
    NoKinds {
        /// The kind.
        kind: String,
    },
    /// The object is not there.
    #[error("there is no {kind} named {name}\nnext: `nodemend get {list}` lists those that exist")]
    NotFound {
        /// The kind.
        kind: String,
        /// The name.
        name: String,
        /// What lists them.
        list: String,
    },
    /// The API server refuses the object or the change.
    #[error("{object}: {message}")]
    Refused {
        /// The object.
        object: String,
        /// What the API server said.
        message: String,
    },
    /// The API server does not say who asks.
    #[error(
        "the API server does not say who you are (SelfSubjectReview without a user name)\nnext: Nodemend needs Kubernetes 1.30 or later"
    )]
    NoUser,
    /// There can be no plan.
    #[error("{problem}{next}", problem = .0, next = next(.0))]
    Plan(#[from] PlanError),
    /// What was asked for makes no sense, or needs a word more.
    #[error("{0}")]
    Usage(String),
    /// A question was answered with no, or cannot be answered with yes.
    #[error("{0}")]
    Negative(String),
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
    /// Something cannot be written as YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// Something cannot be written as JSON.
    #[error("cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The service ended.
    #[error(transparent)]
    Service(#[from] Box<ServeError>),
}

/// What a request was about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) verb: &'static str,
    pub(super) kind: &'a str,
    pub(super) name: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) const fn list(kind: &'a str) -> Self {
        Self { verb: "list", kind, name: None }
    }

    pub(super) const fn of(verb: &'static str, kind: &'a str, name: &'a str) -> Self {
        Self { verb, kind, name: Some(name) }
    }

    /// The resource as `kubectl auth can-i` takes it.
    fn resource(&self) -> String {
        let kind = self.kind.to_lowercase();
        match self.kind {
            "Node" => "nodes".to_owned(),
            "Lease" => "leases.coordination.k8s.io".to_owned(),
            "RepairPolicy" => "repairpolicies.nodemend.dev".to_owned(),
            "SelfSubjectReview" => "selfsubjectreviews.authentication.k8s.io".to_owned(),
            _ => format!("{kind}s.nodemend.dev"),
        }
    }

    fn object(&self) -> String {
        let kind = self.kind.to_lowercase();
        self.name.map_or_else(|| kind.clone(), |name| format!("{kind}/{name}"))
    }
}

impl CliError {
    pub(super) fn config(about: &str, error: &dyn Error) -> Self {
        Self::Config { about: about.to_owned(), problem: chain(error) }
    }

    /// What the error of a request means to whoever made it.
    pub(super) fn request(url: &str, asked: Asked<'_>, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::answer(url, asked, status),
            kube::Error::SerdeError(problem) => Self::Refused {
                object: asked.object(),
                message: format!("an answer that makes no sense: {problem}"),
            },
            // The outermost error only names the part of the client that noticed.
            other => {
                Self::Unreachable { url: url.to_owned(), problem: chain(other.source().unwrap_or(other)) }
            }
        }
    }

    fn answer(url: &str, asked: Asked<'_>, status: &Status) -> Self {
        let message = if status.message.is_empty() { status.reason.clone() } else { status.message.clone() };
        match (status.code, asked.name) {
            (401, _) => Self::Unauthorized { url: url.to_owned() },
            (403, _) => Self::Forbidden { message, verb: asked.verb, resource: asked.resource() },
            // The name is only known to be missing if the answer is about the name.
            (404, Some(name)) if status.details.as_ref().is_some_and(|details| details.name == name) => {
                Self::not_found(asked.kind, name)
            }
            (404, _) => Self::NoKinds { kind: asked.kind.to_owned() },
            _ => Self::Refused { object: asked.object(), message },
        }
    }

    pub(super) fn not_found(kind: &str, name: &str) -> Self {
        let list = match kind {
            "RepairPolicy" => "policies".to_owned(),
            "DiagnosisReport" => "reports".to_owned(),
            _ => format!("{}s", kind.strip_prefix("Repair").unwrap_or(kind).to_lowercase()),
        };
        Self::NotFound { kind: kind.to_owned(), name: name.to_owned(), list }
    }

    /// 1 for a negative answer, 2 for wrong usage or no answer at all.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotFound { .. } | Self::Refused { .. } | Self::Negative(_) | Self::Service(_) => {
                ExitCode::from(1)
            }
            _ => ExitCode::from(2),
        }
    }
}

/// What to do about a plan that cannot be made; most errors of core say it themselves.
const fn next(error: &PlanError) -> &'static str {
    match error {
        PlanError::Params(_) => {
            "\nnext: --set NAME=VALUE sets a parameter; `nodemend playbook show` explains them"
        }
        _ => "",
    }
}

/// An error with everything that caused it, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
