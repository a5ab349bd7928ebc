//! Jobs on a host as the program knows them, from and to core's types.

use nodemend_core::ids::BootId;
use nodemend_core::op::{HostJob, JobExit, JobState, Launch, PackageTransaction, Probe};

use super::protocol::{Answer, Request};

pub(super) fn launch_request(launch: &Launch) -> Request {
    let request = Request::new("launch")
        .with("intent", launch.intent.as_str())
        .with("epoch", &launch.epoch.to_string());
    match &launch.job {
        HostJob::PackagePrepare(transaction) => package(request, "package-prepare", transaction),
        HostJob::PackageInstall(transaction) => package(request, "package-install", transaction),
        HostJob::Reboot(reboot) => {
            let seconds = reboot.grace.as_duration().as_secs();
            request.with("kind", "reboot").with("grace", &seconds.to_string())
        }
        HostJob::RestartService(service) => {
            let seconds = service.limit.as_duration().as_secs().max(1);
            request
                .with("kind", "service-restart")
                .with("name", &service.unit)
                .with("grace", &seconds.to_string())
        }
    }
}

fn package(request: Request, kind: &str, transaction: &PackageTransaction) -> Request {
    request
        .with("kind", kind)
        .with("name", &transaction.name)
        .with("version", &transaction.version)
        .with("allow", &transaction.allow.join(" "))
}

pub(super) fn probe_request(probe: &Probe) -> Request {
    Request::new("probe")
        .with("intent", probe.intent.as_str())
        .with("epoch", &probe.epoch.to_string())
        .with("void", if probe.void_unstarted { "yes" } else { "no" })
}

/// The state that an answer tells; `None` when it is not one of the program's.
pub(super) fn state(answer: &Answer) -> Option<JobState> {
    match answer.get("state")? {
        "not-started" => Some(JobState::NotStarted { voided: answer.get("voided") == Some("yes") }),
        "running" => Some(JobState::Running { seconds: answer.get("seconds")?.parse().ok()? }),
        "exited" => exit(answer).map(JobState::Exited),
        "lost" => Some(JobState::Lost { boot_id: answer.get("boot-now").map(BootId::from) }),
        _ => None,
    }
}

fn exit(answer: &Answer) -> Option<JobExit> {
    let code = match answer.get("code") {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    Some(JobExit {
        code,
        boot_id_before: answer.get("boot-before")?.into(),
        boot_id_now: answer.get("boot-now")?.into(),
        report: answer.under("report."),
        output: answer.get("output").unwrap_or_default().to_owned(),
    })
}
