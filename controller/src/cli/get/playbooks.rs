//! `nodemend get playbooks`: which versions are installed, and which policies take them.

use nodemend_core::decide::newest;
use nodemend_core::playbook::{Playbook, Risk};

use super::Query;
use crate::cli::output::{Field, Tone, toned};

/// One line per version.
pub(super) fn table(query: &Query<'_>) -> String {
    let playbooks = query.snapshot.playbooks.values();
    let wanted =
        playbooks.filter(|playbook| query.wants(&playbook.name) || query.wants(&playbook.object_name()));
    let headers = ["PLAYBOOK", "VERSION", "RISK", "PARAMETERS", "TAKEN BY", "SUMMARY"];
    let none = "no Playbook is installed; nodemend playbook builtin | kubectl apply -f -";
    query.table(&headers, wanted.map(|playbook| row(query, playbook)).collect(), none)
}

fn row(query: &Query<'_>, playbook: &Playbook) -> Vec<Field> {
    let parameters: Vec<_> = playbook.parameters.keys().map(String::as_str).collect();
    let takes = query.snapshot.policies.values().filter(|policy| {
        newest(query.snapshot, &policy.playbook.name, &policy.playbook.version)
            .is_ok_and(|taken| taken == playbook)
    });
    let takes: Vec<_> = takes.map(|policy| format!("policy {}", policy.name)).collect();
    vec![
        Field::from(&playbook.name),
        Field::from(&playbook.version),
        risk(playbook.risk),
        Field::from(parameters.join(", ")),
        Field::from(takes.join(", ")),
        Field::from(&playbook.summary),
    ]
}

/// A risk in its colour.
pub(in crate::cli) fn risk(risk: Risk) -> Field {
    toned(format!("{risk:?}"), if risk == Risk::Low { Tone::Plain } else { Tone::Careful })
}
