//! A client for single requests: each has a deadline, and none is ever sent twice by itself.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use kube::api::{Api, ListParams};
use kube::core::Status;
use kube::{Client, Config, Error};
use serde::de::DeserializeOwned;

use crate::failure::Failed;

/// How long one request to the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many objects one page of a list has, as in kubectl.
const PAGE: u32 = 500;

/// A client whose requests end within ten seconds and are not repeated by kube's `default_retry`, which would send
/// an eviction up to 15 times. For single requests; watches need a client of their own.
pub fn client(config: Config) -> Result<Client, Error> {
    let mut config = config;
    config.read_timeout = Some(DEADLINE);
    config.reset_reader_on_write = true;
    config.default_retry = false;
    Client::try_from(config)
}

/// How a request failed.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The API server answered with a failure.
    Answer(Box<Status>),
    /// No answer in time, or none at all: the request may have been carried out.
    NoAnswer(String),
}

/// Waits for an answer within the deadline, whatever client was given.
pub(crate) async fn within<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, RequestError> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Error::Api(status))) => Err(RequestError::Answer(status)),
        Ok(Err(other)) => Err(RequestError::NoAnswer(other.to_string())),
        Err(_) => Err(RequestError::NoAnswer(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}

/// Everything that `params` selects, page by page. Each page has the deadline for itself.
pub(super) async fn list_all<K>(api: &Api<K>, params: ListParams) -> Result<Vec<K>, RequestError>
where
    K: Clone + DeserializeOwned + fmt::Debug,
{
    Ok(list_at(api, params).await?.0)
}

/// The same, with the resource version from which on a watch sees all that happens later.
pub(super) async fn list_at<K>(api: &Api<K>, params: ListParams) -> Result<(Vec<K>, String), RequestError>
where
    K: Clone + DeserializeOwned + fmt::Debug,
{
    let mut params = params.limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = within(api.list(&params)).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok((all, page.metadata.resource_version.unwrap_or_default())),
        }
    }
}

impl RequestError {
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Answer(status) if status.code == 409)
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Answer(status) if status.code == 404)
    }

    /// The failure of a write to `object`, such as `node/a`.
    pub(crate) fn of_write(self, object: &str) -> Failed {
        match self {
            Self::NoAnswer(why) => Failed::unknown("ApiUnreachable", format!("{object}: {why}")),
            Self::Answer(status) => {
                let message = format!("{object}: {}", status.message);
                match status.code {
                    403 => {
                        Failed::refused("Forbidden", format!("{message}; check the controller's RBAC rules"))
                    }
                    404 => Failed::refused("NotFound", message),
                    409 => Failed::not_done("Conflict", message),
                    // What it was asked on is too old for the API server: a page of a list, say. Another round asks anew.
                    410 => Failed::not_done("Expired", message),
                    429 => Failed::not_done("TooManyRequests", message),
                    500.. => Failed::unknown("ApiError", message),
                    _ => Failed::refused("Rejected", message),
                }
            }
        }
    }

    /// The failure of a read, which changes nothing.
    pub(crate) fn of_read(self, object: &str) -> Failed {
        self.of_write(object).without_effect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_write(code: u16) -> Failed {
        RequestError::Answer(Box::new(Status { code, ..Status::default() })).of_write("node/a")
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_may_have_been_done_is_unknown() {
        for code in [409, 410, 429] {
            assert!(matches!(of_write(code), Failed::NotDone(why) if why.retryable), "{code}");
        }
        for code in [500, 503, 504] {
            assert!(matches!(of_write(code), Failed::Unknown(_)), "{code}");
        }
        for code in [400, 403, 404, 422] {
            assert!(matches!(of_write(code), Failed::NotDone(why) if !why.retryable), "{code}");
        }
    }
}
