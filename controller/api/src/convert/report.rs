//! DiagnosisReport as core sees it.

use nodemend_core::snapshot;

use crate::report::DiagnosisReport;

impl From<&DiagnosisReport> for snapshot::Report {
    /// A report without status expired long ago: nothing is known.
    fn from(report: &DiagnosisReport) -> Self {
        let status = report.status.clone().unwrap_or_default();
        Self {
            results: status.results.into_iter().map(|result| (result.check.clone(), result)).collect(),
            expires_at: status.expires_at,
            os_id: status.facts.os_id,
            packages: status.facts.packages.unwrap_or_default().into_iter().collect(),
            booted_at: status.facts.booted_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use nodemend_core::facts::Facts;
    use nodemend_core::finding::{CheckResult, CheckState, Severity};
    use nodemend_core::ids::Digest;
    use nodemend_core::time::Time;

    use crate::report::{DiagnosisReportSpec, DiagnosisReportStatus, FactsSummary, Subject};

    fn report(status: Option<DiagnosisReportStatus>) -> DiagnosisReport {
        let subject = Subject { kind: "Node".into(), name: "n1".into(), uid: "u1".into() };
        let name = DiagnosisReport::name_for(&subject.uid, "prober");
        let mut report =
            DiagnosisReport::new(&name, DiagnosisReportSpec { subject, source: "prober".into() });
        report.status = status;
        report
    }

    fn result(check: &str, state: CheckState) -> CheckResult {
        CheckResult {
            check: check.into(),
            state,
            severity: Severity::Error,
            message: check.into(),
            observed: BTreeMap::default(),
            fingerprint: Digest::of(check.as_bytes()),
            failing_since: None,
            observed_at: Time(1),
        }
    }

    #[test]
    fn a_report_without_status_says_nothing() {
        let row = snapshot::Report::from(&report(None));
        assert_eq!((row.results.len(), row.expires_at), (0, Time(0)));
    }

    #[test]
    fn results_are_counted_by_state() {
        let os = [("ID".to_owned(), "centos".to_owned())];
        let facts = Facts { os_release: Some(os.into()), ..Facts::default() };
        let status = DiagnosisReportStatus {
            facts: FactsSummary::from(&facts),
            expires_at: Time(9),
            ..DiagnosisReportStatus::default()
        };
        let status = status.with_results(vec![
            result("a", CheckState::Fail),
            result("b", CheckState::Pass),
            result("c", CheckState::Unknown),
        ]);
        assert_eq!((status.failing, status.unknown), (1, 1));
        let row = snapshot::Report::from(&report(Some(status)));
        assert_eq!(row.os_id.as_deref(), Some("centos"));
        assert_eq!(row.results[&"a".into()].state, CheckState::Fail);
    }
}
