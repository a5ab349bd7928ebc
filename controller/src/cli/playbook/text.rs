//! Playbooks as text: the list, and one in full.

use std::fmt::Write as _;

use nodemend_core::playbook::{Playbook, Risk};
use nodemend_core::snapshot::Snapshot;

use crate::cli::get::risk;
use crate::cli::output::{Field, Look, Tone, toned};
use crate::cli::plan::steps;

/// One line per version, installed or not.
pub(super) fn list(snapshot: &Snapshot, builtins: &[Playbook], look: Look) -> String {
    let installed = snapshot.playbooks.values();
    let missing =
        builtins.iter().filter(|playbook| !snapshot.playbooks.contains_key(&playbook.object_name()));
    let mut rows: Vec<_> = installed.map(|playbook| row(playbook, true, builtins)).collect();
    let absent: Vec<_> = missing.map(|playbook| row(playbook, false, builtins)).collect();
    let some_absent = !absent.is_empty();
    rows.extend(absent);
    let table = look.table(0, &["PLAYBOOK", "VERSION", "INSTALLED", "BUILT IN", "RISK", "SUMMARY"], rows);
    if some_absent {
        return table + "\nnodemend playbook builtin | kubectl apply -f -   installs the built-in ones\n";
    }
    table
}

fn row(playbook: &Playbook, installed: bool, builtins: &[Playbook]) -> Vec<Field> {
    let own = builtins.iter().find(|own| own.object_name() == playbook.object_name());
    let own = match own {
        None => toned("no", Tone::Dim),
        Some(own) if own == playbook => Field::from("yes"),
        // Same version, other text: an object is immutable, so one of the two was changed by hand.
        Some(_) => toned("yes, but with another text", Tone::Bad),
    };
    vec![
        Field::from(&playbook.name),
        Field::from(&playbook.version),
        if installed { toned("yes", Tone::Good) } else { toned("no", Tone::Careful) },
        own,
        risk(playbook.risk),
        Field::from(&playbook.summary),
    ]
}

/// What a playbook does.
pub(super) fn summary(playbook: &Playbook, snapshot: &Snapshot, look: Look) -> String {
    let name = look.paint(format!("{} {}", playbook.name, playbook.version), Tone::Strong);
    let tone = if playbook.risk == Risk::Low { Tone::Plain } else { Tone::Careful };
    let mut text = format!(
        "{name}, risk {}\n  {}\n",
        look.paint(format!("{:?}", playbook.risk), tone),
        playbook.summary
    );
    if !snapshot.playbooks.contains_key(&playbook.object_name()) {
        let hint = "not installed in this cluster; nodemend playbook builtin | kubectl apply -f -";
        let _ = writeln!(text, "  {}", look.paint(hint, Tone::Careful));
    }
    let applies = &playbook.applies_to;
    let or_any = |list: &[String]| if list.is_empty() { "any".to_owned() } else { list.join(", ") };
    let _ =
        writeln!(text, "  for systems {}; machines {}", or_any(&applies.os), or_any(&applies.architectures));
    text + &parameters(playbook, look) + &steps(&playbook.steps, look)
}

fn parameters(playbook: &Playbook, look: Look) -> String {
    if playbook.parameters.is_empty() {
        return String::new();
    }
    let rows = playbook.parameters.iter().map(|(name, parameter)| {
        let default = parameter.default.as_ref();
        let default = default.map_or_else(|| "has to be set".to_owned(), |value| format!("default {value}"));
        vec![
            Field::from(name),
            Field::from(format!("{:?}", parameter.kind)),
            Field::from(default),
            Field::from(&parameter.description),
        ]
    });
    format!("\n{}\n{}", look.heading("Parameters"), look.table(2, &[], rows.collect()))
}
