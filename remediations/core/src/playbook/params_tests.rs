//! Values of each type, and where they may stand.

use super::*;
use crate::actions::Do;
use proptest::prelude::*;

fn playbook(parameters: &Value, action: &Value) -> Playbook {
    serde_json::from_value(serde_json::json!({
        "name": "p", "version": "1.0.0", "summary": "s", "risk": "High", "parameters": parameters,
        "steps": [{"name": "one", "phase": "Repair", "do": action}],
    }))
    .unwrap()
}

fn upgrade() -> Playbook {
    playbook(
        &serde_json::json!({
            "version": {"type": "RpmVersion", "description": "the target"},
            "flavour": {"type": "String", "description": "a suffix", "default": "libs"},
        }),
        &serde_json::json!({"packageInstall": {
            "name": "systemd", "version": "${version}", "allow": ["systemd-${flavour}", "x-${flavour}-${flavour}"],
        }}),
    )
}

fn values(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn error(playbook: &Playbook, set: &[(&str, &str)]) -> String {
    resolve(playbook, &values(set)).unwrap_err().to_string()
}

#[test]
fn values_and_defaults_are_put_in_whole_and_inside_of_texts() {
    let steps = resolve(&upgrade(), &values(&[("version", "219-78.el7_9.9")])).unwrap();
    let Do::PackageInstall(install) = &steps[0].action else { panic!("{steps:?}") };
    assert_eq!(install.version, "219-78.el7_9.9");
    assert_eq!(install.allow, ["systemd-libs", "x-libs-libs"]);
}

#[test]
fn a_value_brings_in_no_further_parameter() {
    let values = values(&[("a", "${b}"), ("b", "x")]);
    assert_eq!(filled("${a}-${b}", &values).unwrap(), "${b}-x");
}

#[test]
fn unknown_and_missing_parameters_are_named_with_their_playbook() {
    assert_eq!(error(&upgrade(), &[]), "playbook p-1.0.0 needs the parameter `version` (the target); set it");
    let text = error(&upgrade(), &[("version", "1-1"), ("versoin", "1-1")]);
    assert_eq!(text, "playbook p-1.0.0 has no parameter `versoin`; it has `flavour`, `version`");
    let bare = playbook(&serde_json::json!({}), &serde_json::json!({"reboot": {}}));
    assert_eq!(error(&bare, &[("x", "1")]), "playbook p-1.0.0 has no parameter `x`; it has none");
}

#[test]
fn each_type_checks_its_values() {
    use ParameterType::{Boolean, Duration, Integer, RpmVersion, String};
    for (kind, value) in
        [(String, ""), (String, "größe 1"), (Integer, "-7"), (Boolean, "false"), (Duration, "1h30m")]
    {
        assert_eq!(fault_of_value(kind, value), None, "{value}");
    }
    let long = "x".repeat(257);
    for (kind, value, reason) in [
        (String, "a\nb", "cannot be printed"),
        (String, long.as_str(), "longer than 256"),
        (Integer, "7.5", "not a whole number"),
        (Boolean, "yes", "not true or false"),
        (Duration, "soon", "not a duration"),
        (RpmVersion, "219", "not an RPM version"),
    ] {
        let fault = fault_of_value(kind, value).unwrap();
        assert!(fault.contains(reason), "{fault}");
    }
    let text = error(&upgrade(), &[("version", "219")]);
    assert!(
        text.starts_with("parameter `version` of playbook p-1.0.0: `219` is not an RPM version"),
        "{text}"
    );
}

#[test]
fn a_step_that_makes_no_sense_is_named() {
    let undeclared = playbook(&serde_json::json!({}), &upgrade_action("${to}"));
    assert!(
        error(&undeclared, &[]).contains("step `one` of playbook p-1.0.0: `${to}` uses the parameter `to`")
    );
    let unclosed = playbook(&serde_json::json!({}), &upgrade_action("${to"));
    assert!(error(&unclosed, &[]).contains("has no `}`"));
    let text = playbook(
        &serde_json::json!({"to": {"type": "String", "description": "d", "default": "latest"}}),
        &upgrade_action("${to}"),
    );
    assert!(error(&text, &[]).contains("`latest` is not an RPM version"));
}

fn upgrade_action(version: &str) -> Value {
    serde_json::json!({"packageInstall": {"name": "systemd", "version": version}})
}

proptest! {
    #[test]
    fn the_parts_of_a_text_are_the_text(text in "[a-c${}]{0,20}") {
        if let Ok(parts) = parts(&text) {
            let joined: String = parts
                .into_iter()
                .map(|part| match part {
                    Part::Text(text) => text.to_owned(),
                    Part::Parameter(name) => format!("${{{name}}}"),
                })
                .collect();
            prop_assert_eq!(joined, text);
        }
    }
}
