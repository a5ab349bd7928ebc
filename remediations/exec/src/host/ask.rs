//! From a request to an answer, or to a failure that says whether anything can have happened.

use nodemend_core::ids::Epoch;

use super::Host;
use super::protocol::{Answer, AnswerError, Request};
use crate::failure::Failed;
use crate::target::Target;
use crate::transport::{CallError, Output};

/// The program's exit status when the request was cut off: it did nothing.
const REQUEST_CUT: i32 = 64;

impl Host {
    /// Sends one request. Failures name the node, its address and what to look at.
    pub(super) async fn ask(&self, target: &Target, request: Request) -> Result<Answer, Failed> {
        let answer = self.hear(target, request).await?;
        match answer.get("refused") {
            None => Ok(answer),
            Some(reason) => Err(refusal(target, reason, answer.get("message").unwrap_or_default())),
        }
    }

    /// The highest epoch that the host obeys, after a request under `epoch`: that one, unless it is too low.
    pub(super) async fn ask_epoch(
        &self,
        target: &Target,
        request: Request,
        epoch: Epoch,
    ) -> Result<Epoch, Failed> {
        let answer = self.hear(target, request).await?;
        match (answer.get("refused"), answer.get("seen").and_then(|seen| seen.parse().ok())) {
            (None, _) => Ok(epoch),
            (Some("Fenced"), Some(seen)) => Ok(seen),
            (Some(reason), _) => Err(refusal(target, reason, answer.get("message").unwrap_or_default())),
        }
    }

    async fn hear(&self, target: &Target, request: Request) -> Result<Answer, Failed> {
        let output =
            self.transport.call(target, request.into_bytes()).await.map_err(|e| call_failed(target, &e))?;
        Answer::decode(&output.stdout).map_err(|e| unreadable(target, &output, &e))
    }
}

fn call_failed(target: &Target, error: &CallError) -> Failed {
    let message = about(target, &error.message);
    match (error.sent, error.retryable) {
        (true, _) => Failed::unknown(error.reason, message),
        (false, true) => Failed::not_done(error.reason, message),
        (false, false) => Failed::refused(error.reason, message),
    }
}

/// The program said that it did nothing, and why.
fn refusal(target: &Target, reason: &str, message: &str) -> Failed {
    let message = about(target, &format!("{message}{}", next_step(reason)));
    match reason {
        "Fenced" | "BadRequest" | "StateDamaged" | "MissingTool" => Failed::refused(reason, message),
        _ => Failed::not_done(reason, message),
    }
}

/// What the program leaves to say.
fn next_step(reason: &str) -> &'static str {
    match reason {
        "Fenced" => "; another controller has taken over, this one must stop",
        "HostLocked" => "; look with fuser who holds it",
        "MissingTool" => {
            "the host lacks one of base64, flock, setsid, timeout; install coreutils and util-linux"
        }
        "StateDamaged" => "; look at it by hand, it is never guessed",
        _ => "",
    }
}

fn unreadable(target: &Target, output: &Output, error: &AnswerError) -> Failed {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing on standard error");
    // Sudo speaks before the program does: with an empty answer and its name in front, nothing was started.
    if output.stdout.is_empty() && said.starts_with("sudo:") {
        let next =
            format!("allow `{}` to run /bin/sh by sudo without a password or terminal", target.ssh.user);
        return Failed::refused("SudoRefused", about(target, &format!("{said}; {next}")));
    }
    if output.stdout.is_empty() && output.status == Some(REQUEST_CUT) {
        return Failed::not_done(
            "RequestCut",
            about(target, "the request arrived in part and was not acted upon"),
        );
    }
    let reason = if *error == AnswerError::Cut { "AnswerCut" } else { "ProgramError" };
    let status = output.status.map_or("no exit status".to_owned(), |code| format!("exit status {code}"));
    Failed::unknown(reason, about(target, &format!("{error} ({status}; {said})")))
}

/// At most 600 characters: what a host says ends up in a status.
fn about(target: &Target, message: &str) -> String {
    let message: String = message.chars().filter(|c| !c.is_control()).take(600).collect();
    format!("node {} ({}): {message}", target.node, target.address)
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
