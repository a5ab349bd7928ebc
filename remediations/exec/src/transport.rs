//! The way to a host, behind a trait: SSH today, others by the same contract.

use std::fmt;

use futures::future::BoxFuture;

use crate::target::Target;

/// Runs the program on a host, once.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Starts the program on the target's host, gives it `request` on standard input and waits for its end.
    /// Dropping the future ends the connection.
    fn call<'a>(&'a self, target: &'a Target, request: Vec<u8>) -> BoxFuture<'a, Result<Output, CallError>>;
}

/// What the program wrote, each part capped by the transport.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit status, when the host told one.
    pub status: Option<i32>,
}

/// A call that came to no end.
#[derive(Debug)]
pub struct CallError {
    /// Whether any of the request was on its way: if not, nothing can have happened.
    pub sent: bool,
    /// A CamelCase word for programs.
    pub reason: &'static str,
    /// What happened, and what to look at, without the host's name.
    pub message: String,
    /// Whether trying again can help without a person's hand.
    pub retryable: bool,
}
