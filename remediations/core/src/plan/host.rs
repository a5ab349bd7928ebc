//! Whether a playbook is for a host at all, from the last report: what would have to be refused is never planned.

use std::cmp::Ordering;

use super::Header;
use super::build::Out;
use crate::actions::Do;
use crate::snapshot::{Node, PROBER, Snapshot};
use crate::version::{Evr, Incomparable};

/// What the last report says of the host against what the playbook is for. What is not known is found out by
/// `confirm`, while the node still serves.
pub(super) fn wrong_host(snapshot: &Snapshot, header: &Header, node: &Node) -> Option<Out> {
    let applies = &header.playbook.applies_to;
    let machine = machine_name(&node.architecture);
    if !machine.is_empty()
        && !applies.architectures.is_empty()
        && !applies.architectures.iter().any(|a| a == machine)
    {
        return Some((
            "OtherArchitecture",
            format!("is {machine}, the playbook is for {}", applies.architectures.join(", ")),
        ));
    }
    let report = snapshot.reports.get(&node.uid)?.get(PROBER)?;
    if let Some(os) = &report.os_id
        && !applies.os.is_empty()
        && !applies.os.contains(os)
    {
        return Some(("OtherSystem", format!("runs {os}, the playbook is for {}", applies.os.join(", "))));
    }
    header.steps.iter().find_map(|step| match &step.action {
        Do::PackageInstall(install) => {
            wrong_target(&install.name, &install.version, report.packages.get(&install.name)?)
        }
        _ => None,
    })
}

/// A target of another distribution, or older than anything installed, is no repair: an interrupted transaction leaves
/// two versions, and each counts. Versions whose order says nothing are left to the package manager, which is asked in
/// `Prepare`.
fn wrong_target(package: &str, target: &str, installed: &[String]) -> Option<Out> {
    let wanted: Evr = target.parse().ok()?;
    let present: Vec<Evr> = installed.iter().filter_map(|text| text.parse().ok()).collect();
    let other = |evr: &&Evr| matches!(evr.compare(&wanted), Err(Incomparable::Distribution { .. }));
    if let Some(evr) = present.iter().find(other) {
        return Some(("OtherDistribution", format!("has {package} {evr}, the target is {wanted}")));
    }
    let newer = |evr: &&Evr| evr.compare(&wanted) == Ok(Ordering::Greater);
    let evr = present.iter().find(newer)?;
    Some(("WouldDowngrade", format!("has {package} {evr}, the target {wanted} is older")))
}

/// The kernel's name of a machine for Go's, which Kubernetes uses.
fn machine_name(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}
