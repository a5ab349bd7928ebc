//! How every end of a call is told apart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use nodemend_core::op::{HostJob, JobState, Launch, OpResult, Probe, RebootJob};
use nodemend_core::time::Span;

use super::*;
use crate::ssh::HostKeys;
use crate::target::{Secret, SshAccess};
use crate::transport::Transport;

/// A transport that gives one answer and keeps the request.
#[derive(Debug)]
struct Canned {
    answer: Mutex<Option<Result<Output, CallError>>>,
    request: Mutex<Vec<u8>>,
}

impl Transport for Canned {
    fn call<'a>(&'a self, _: &'a Target, request: Vec<u8>) -> BoxFuture<'a, Result<Output, CallError>> {
        *self.request.lock().unwrap() = request;
        let answer = self.answer.lock().unwrap().take().unwrap();
        Box::pin(async { answer })
    }
}

fn target() -> Target {
    Target {
        node: "node-1".into(),
        node_uid: "u".into(),
        address: "10.0.0.7".into(),
        ssh: Arc::new(SshAccess::new("mender", Secret(String::new()), HostKeys::default())),
        pid1_timeout: Duration::from_secs(5),
        still: crate::target::Still::default(),
    }
}

fn output(stdout: &str, stderr: &str, status: i32) -> Output {
    Output { stdout: stdout.into(), stderr: stderr.into(), status: Some(status) }
}

async fn launch(answer: Result<Output, CallError>) -> OpResult {
    let host = Host::new(Arc::new(Canned { answer: Mutex::new(Some(answer)), request: Mutex::default() }));
    let job = HostJob::Reboot(RebootJob { grace: Span::minutes(2) });
    host.launch(&target(), &Launch { intent: "i".into(), epoch: 1, job }).await.unwrap_or_else(OpResult::from)
}

async fn probe(answer: Result<Output, CallError>) -> OpResult {
    let host = Host::new(Arc::new(Canned { answer: Mutex::new(Some(answer)), request: Mutex::default() }));
    let probe = Probe { intent: "i".into(), epoch: 1, void_unstarted: true };
    host.probe(&target(), &probe).await.unwrap_or_else(OpResult::from)
}

/// How it ended, why, and whether trying again can help.
fn ended(result: &OpResult) -> String {
    let (kind, why) = match result {
        OpResult::NotDone(why) => ("not done", why),
        OpResult::Unknown(why) => ("unknown", why),
        other => panic!("{other:?}"),
    };
    format!("{kind}: {}{}", why.reason, if why.retryable { ", again" } else { "" })
}

#[tokio::test]
async fn a_launch_is_not_done_only_when_that_is_certain() {
    let error = |sent, retryable| Err(CallError { sent, reason: "X", message: String::new(), retryable });
    let encoded = |text: &str| {
        String::from_utf8(Request::new("x").with("refused", text).into_bytes()).unwrap()[2..].to_owned()
    };
    for (answer, expected) in [
        (error(false, true), "not done: X, again"),
        (error(false, false), "not done: X"),
        (error(true, true), "unknown: X, again"),
        (Ok(output("", "sudo: a password is required", 1)), "not done: SudoRefused"),
        (Ok(output("", "", 64)), "not done: RequestCut, again"),
        (Ok(output("", "sh: not found", 127)), "unknown: AnswerCut, again"),
        (Ok(output("state=bGF1", "", 0)), "unknown: AnswerCut, again"),
        (Ok(output("Welcome\nend\n", "", 0)), "unknown: ProgramError, again"),
        (Ok(output("end\n", "", 0)), "unknown: ProgramError, again"),
        (Ok(output(&encoded("Fenced"), "", 0)), "not done: Fenced"),
        (Ok(output(&encoded("HostLocked"), "", 0)), "not done: HostLocked, again"),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(ended(&launch(answer).await), expected, "{shown}");
    }
    assert_eq!(launch(Ok(output("state=bGF1bmNoZWQ=\nend\n", "", 0))).await, OpResult::Launched);
    assert_eq!(launch(Ok(output("state=YWxyZWFkeQ==\nend\n", "", 0))).await, OpResult::Launched);
}

#[tokio::test]
async fn a_look_is_never_unknown() {
    let cut = CallError { sent: true, reason: "AnswerCut", message: String::new(), retryable: true };
    assert_eq!(ended(&probe(Err(cut)).await), "not done: AnswerCut, again");
    let answer = "state=bm90LXN0YXJ0ZWQ=\nvoided=eWVz\nend\n";
    assert_eq!(probe(Ok(output(answer, "", 0))).await, OpResult::Job(JobState::NotStarted { voided: true }));
}

#[tokio::test]
async fn failures_name_node_and_address() {
    let OpResult::NotDone(why) = launch(Ok(output("", "sudo: a password is required", 1))).await else {
        panic!()
    };
    assert!(why.message.starts_with("node node-1 (10.0.0.7): sudo:"), "{}", why.message);
    assert!(why.message.contains("allow `mender` to run /bin/sh"), "{}", why.message);
}
