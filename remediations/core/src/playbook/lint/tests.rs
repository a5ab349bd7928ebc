//! Bad files, one per fault, and files with many.

use super::*;

/// A playbook without a fault; each test spoils a part of it.
const GOOD: &str = "\
apiVersion: nodemend.dev/v1alpha1
kind: Playbook
metadata:
  name: fix-1.0.0
spec:
  name: fix
  version: 1.0.0
  summary: Repairs it.
  risk: High
  parameters:
    target:
      type: RpmVersion
      description: The build to end with.
  steps:
    - name: prepare
      phase: Prepare
      do: {packagePrepare: {name: systemd, version: \"${target}\"}}
    - name: cordon
      phase: Disrupt
      do: {cordon: {}}
      undo: Restore
    - name: drain
      phase: Disrupt
      do: {drain: {gracePeriod: 30s}}
      undo: Restore
    - name: install
      phase: Repair
      do: {packageInstall: {name: systemd, version: \"${target}\"}}
      timeout: 15m
      undo: Hold
    - name: verify
      phase: Verify
      do: {verify: {}}
    - name: uncordon
      phase: Release
      do: {uncordon: {}}
";

/// What lint says of a text, as people see it.
fn said(text: &str) -> Vec<String> {
    lint(text).unwrap_err().iter().map(ToString::to_string).collect()
}

/// What lint says of `GOOD` with one part replaced.
fn spoilt(part: &str, by: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(part).count(), 1, "`{part}` has to be there once");
    said(&GOOD.replace(part, by))
}

/// Replacing `part` makes exactly one fault, in `line`, with `reason` in it.
#[track_caller]
fn one_fault(part: &str, by: &str, line: u64, reason: &str) {
    let said = spoilt(part, by);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with(&format!("line {line}, ")) && said[0].contains(reason), "{said:#?}");
}

#[test]
fn a_good_file_gives_its_playbook() {
    let playbook = lint(GOOD).unwrap();
    assert_eq!(playbook.object_name(), "fix-1.0.0");
    assert_eq!(playbook.steps.len(), 6);
    assert_eq!(playbook.steps[3].timeout, Some(crate::time::Span::minutes(15)));
    assert_eq!(lint(&format!("---\n{GOOD}")), Ok(playbook));
}

#[test]
fn an_unknown_field_is_named_with_the_fields_there_are() {
    one_fault(
        "      timeout: 15m",
        "      timeOut: 15m",
        29,
        "unknown field `timeOut` in an entry of `steps`; it has do, name",
    );
    one_fault(
        "gracePeriod: 30s",
        "grace: 30s",
        24,
        "unknown field `grace` in `drain`; it has deleteEmptyDirData, force",
    );
    one_fault(
        "{uncordon: {}}",
        "{uncordon: {now: true}}",
        36,
        "unknown field `now` in `uncordon`, which has no fields",
    );
    one_fault("  risk: High", "  risk: High\n  rsik: Low", 10, "unknown field `rsik` in `spec`");
    one_fault("kind: Playbook", "kind: Playbook\nstatus: {}", 3, "unknown field `status` in the document");
}

#[test]
fn a_wrong_type_says_what_is_there_and_what_is_wanted() {
    one_fault("summary: Repairs it.", "summary: [a, b]", 8, "`summary` is a list, not a text");
    one_fault("gracePeriod: 30s", "force: \"yes\"", 24, "`force` is a text, not true or false");
    one_fault("{uncordon: {}}", "{uncordon: }", 36, "`uncordon` is empty, not a map");
    one_fault("version: 1.0.0", "version: 1.0", 7, "`version` is a number, not a text; put it into quotes");
    one_fault(
        "{verify: {}}",
        "verify",
        33,
        "`do` is a text, not a map with one member: confirm, packagePrepare",
    );
}

#[test]
fn a_missing_field_is_named_where_it_is_missing() {
    one_fault("  risk: High\n", "", 6, "`risk` is missing in `spec`");
    one_fault(
        "    - name: prepare\n      phase",
        "    - phase",
        15,
        "`name` is missing in an entry of `steps`",
    );
    one_fault(
        "{packagePrepare: {name: systemd, version: \"${target}\"}}",
        "{packagePrepare: {version: \"${target}\"}}",
        17,
        "`name` is missing in `packagePrepare`",
    );
}

#[test]
fn a_bad_enum_names_its_values() {
    one_fault("risk: High", "risk: high", 9, "`risk` is `high`, not Low, Medium, High");
    one_fault("phase: Verify", "phase: Check", 32, "`phase` is `Check`, not Prepare, Disrupt");
    one_fault("undo: Hold", "undo: Forget", 30, "`undo` is `Forget`, not Restore, Hold");
    one_fault("type: RpmVersion", "type: Version", 12, "`type` is `Version`, not String, Integer");
    one_fault("kind: Playbook", "kind: Playbooks", 2, "`kind` is `Playbooks`, not Playbook");
    one_fault("/v1alpha1", "/v1", 1, "`apiVersion` is `nodemend.dev/v1`, not nodemend.dev/v1alpha1");
}

#[test]
fn an_unknown_action_names_those_there_are() {
    let said = spoilt("{drain: {gracePeriod: 30s}}", "{evict: {}}");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].contains("`do` knows no `evict`; it is confirm, packagePrepare, cordon, drain"),
        "{said:#?}"
    );
    one_fault("{verify: {}}", "{verify: {}, uncordon: {}}", 33, "`do` is a map with 2 members");
}

#[test]
fn phases_never_go_back() {
    let text = GOOD.replace("    - name: prepare\n      phase: Prepare\n      do: {packagePrepare: {name: systemd, version: \"${target}\"}}\n", "")
        + "    - name: late\n      phase: Prepare\n      do: {packagePrepare: {name: systemd, version: \"${target}\"}}\n";
    let said = said(&text);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].starts_with("line 35, column 14: phase Prepare of step `late` comes after phase Release"),
        "{said:#?}"
    );
}

#[test]
fn an_action_stands_only_in_its_phases() {
    let said = spoilt("phase: Repair", "phase: Disrupt");
    assert_eq!(said, ["line 27, column 14: `packageInstall` cannot stand in phase Disrupt, only in Repair"]);
}

#[test]
fn a_disruptive_step_says_how_it_is_undone() {
    one_fault("      undo: Hold\n", "", 26, "step `install` disturbs the node and has no `undo`");
    one_fault("undo: Hold", "undo:", 26, "step `install` disturbs the node and has no `undo`");
}

#[test]
fn nothing_is_disturbed_without_a_cordon_that_is_lifted() {
    let cordon = "    - name: cordon\n      phase: Disrupt\n      do: {cordon: {}}\n      undo: Restore\n";
    let said = spoilt(cordon, "");
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("step `drain` takes the node out of service and no `cordon`"), "{said:#?}");
    assert!(said[1].starts_with("line 22, ") && said[1].contains("step `install`"), "{said:#?}");
    let uncordon = "    - name: uncordon\n      phase: Release\n      do: {uncordon: {}}\n";
    one_fault(uncordon, "", 18, "the cordon of step `cordon` is never lifted");
}

#[test]
fn a_repair_has_to_be_proven() {
    one_fault(
        "    - name: verify\n      phase: Verify\n      do: {verify: {}}\n",
        "",
        15,
        "no step does `verify`",
    );
    one_fault("{verify: {}}", "verify", 33, "`do` is a text");
    // One that cannot be read is not one that is missing.
    one_fault("{verify: {}}", "{verify: {check: a}}", 33, "unknown field `check`");
}

#[test]
fn names_are_not_used_twice() {
    one_fault("- name: drain", "- name: cordon", 22, "the name `cordon` is taken by the step in line 18");
    one_fault(
        "- name: drain",
        "- name: Drain it",
        22,
        "`name` `Drain it` is not a name of lower-case letters",
    );
    one_fault("  risk: High", "  risk: High\n  risk: Low", 10, "`risk` is there twice in `spec`");
}

#[test]
fn confirm_belongs_to_the_plan() {
    one_fault("- name: verify", "- name: confirm", 31, "every plan begins with a step `confirm` of its own");
    let step = "    - name: look\n      phase: Prepare\n      do: {confirm: {}}\n    - name: prepare";
    one_fault("    - name: prepare", step, 17, "leave it out");
}

#[test]
fn versions_are_semantic_and_the_object_is_called_after_them() {
    one_fault("version: 1.0.0", "version: 1.0.x", 7, "`1.0.x` is not a semantic version");
    one_fault("version: 1.0.0", "version: 1.1.0", 4, "metadata.name is `fix-1.0.0`, not `fix-1.1.0`");
    one_fault("version: 1.0.0", "version: v1.0.0", 7, "without the `v`");
    one_fault("name: fix\n", "name: mend\n", 4, "not `mend-1.0.0`");
}

#[test]
fn durations_are_durations() {
    one_fault(
        "timeout: 15m",
        "timeout: soon",
        29,
        "`timeout` `soon` is not a duration such as 90s, 10m or 1h30m",
    );
    one_fault("timeout: 15m", "timeout: 15", 29, "`timeout` is a whole number, not a text");
    one_fault("timeout: 15m", "timeout: 0s", 29, "step `install` has no time to do anything");
    one_fault(
        "timeout: 15m",
        "timeout: 99999999999999999999h",
        29,
        "`99999999999999999999h` is not a duration",
    );
}

#[test]
fn parameters_are_declared_used_and_of_their_type() {
    one_fault(
        "name: systemd, version: \"${target}\"}}\n    - name: cordon",
        "name: systemd, version: \"${taget}\"}}\n    - name: cordon",
        17,
        "the parameter `taget` is not declared",
    );
    one_fault(
        "    target:\n",
        "    other:\n      type: Integer\n      description: d\n    target:\n",
        11,
        "no step uses the parameter `other`",
    );
    one_fault(
        "type: RpmVersion",
        "type: RpmVersion\n      default: latest",
        13,
        "the default of this parameter: `latest` is not an RPM version",
    );
    one_fault("gracePeriod: 30s", "gracePeriod: \"${target}\"", 24, "a parameter can only stand for a text");
    let said = spoilt("    target:\n", "    tar-get:\n");
    assert!(
        said[0].contains("letters and digits, not `tar-get`") && said[1].contains("no step uses"),
        "{said:#?}"
    );
    let unclosed = spoilt("{verify: {}}", "{verify: {checks: [\"${target\"]}}");
    assert!(unclosed[0].contains("has no `}`"), "{unclosed:#?}");
}

#[test]
fn an_action_says_what_is_wrong_with_its_own_parameters() {
    let said = spoilt(
        "{packagePrepare: {name: systemd, version: \"${target}\"}}",
        "{packagePrepare: {name: \"a b\", version: \"${target}\"}}",
    );
    assert_eq!(said, ["line 17, column 12: step `prepare`: `a b` is not a package name"]);
}

/// `GOOD` with a restart of a service in place of the package, and nothing that takes the node out of service.
fn of_service(restart: &str) -> String {
    let start = GOOD.find("  parameters:").unwrap();
    format!(
        "{}  steps:\n    - name: restart\n{restart}    - name: verify\n      phase: Verify\n      do: {{verify: {{}}}}\n",
        &GOOD[..start]
    )
}

#[test]
fn a_service_is_restarted_without_a_cordon_and_not_without_an_undo() {
    let step =
        "      phase: Repair\n      do: {restartService: {unit: kubelet.service}}\n      undo: Restore\n";
    assert_eq!(lint(&of_service(step)).unwrap().steps.len(), 2);
    for (part, by, reason) in [
        ("      undo: Restore\n", "", "step `restart` disturbs the node and has no `undo`"),
        ("Repair", "Prepare", "`restartService` cannot stand in phase Prepare, only in Repair"),
        ("kubelet.service", "--all", "`--all` is not the name of a service"),
        ("unit: kubelet.service", "", "`unit` is missing in `restartService`"),
    ] {
        let said = said(&of_service(&step.replace(part, by)));
        assert!(said.len() == 1 && said[0].contains(reason), "{said:#?}");
    }
}

#[test]
fn what_is_no_yaml_says_where() {
    one_fault("kind: Playbook\n", "kind: Playbook\n  x: y\n", 3, "mapping");
    one_fault("{verify: {}}", "{verify: {}", 34, "only valid inside a block");
    for text in ["", "just a text", "- a\n- b\n"] {
        let said = said(text);
        assert!(said[0].starts_with("line 1, ") && said[0].contains("the document is"), "{said:#?}");
    }
    let two = said(&format!("{GOOD}---\n{GOOD}"));
    assert!(two.len() == 1, "{two:#?}");
}

#[test]
fn all_faults_are_reported_at_once_and_in_order() {
    let text = GOOD
        .replace("risk: High", "risk: Hihg")
        .replace("undo: Hold", "undoo: Hold")
        .replace("phase: Release", "phase: Prepare")
        .replace("timeout: 15m", "timeout: soon")
        .replace("      description: The build to end with.\n", "")
        .replace("{verify: {}}", "{verfy: {}}");
    let lines: Vec<_> = lint(&text).unwrap_err().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [9, 12, 14, 25, 28, 29, 32, 34, 34]);
}

#[test]
fn an_action_that_cannot_be_read_is_still_held_to_the_rules_of_its_kind() {
    let text = GOOD
        .replace("phase: Repair", "phase: Verify")
        .replace("{packageInstall: {name: systemd, ", "{packageInstall: {nam: systemd, ")
        .replace("      undo: Hold\n", "");
    let said = said(&text).join("\n");
    for expected in
        ["unknown field `nam`", "`name` is missing", "cannot stand in phase Verify", "has no `undo`"]
    {
        assert!(said.contains(expected), "{said}");
    }
}

/// The checker knows every keyword that schemas of our types have; a new one has to be learnt there.
#[test]
fn no_keyword_of_the_schema_goes_unchecked() {
    const CHECKED: [&str; 13] = [
        "additionalProperties",
        "anyOf",
        "const",
        "items",
        "maxItems",
        "maxLength",
        "minItems",
        "minLength",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "type",
    ];
    const FOR_PEOPLE: [&str; 4] = ["$schema", "default", "description", "title"];
    fn walk(schema: &serde_json::Value) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, value) in keywords {
            assert!(
                CHECKED.contains(&keyword.as_str()) || FOR_PEOPLE.contains(&keyword.as_str()),
                "{keyword}: {value}"
            );
            match keyword.as_str() {
                "properties" => value.as_object().unwrap().values().for_each(walk),
                "oneOf" | "anyOf" => value.as_array().unwrap().iter().for_each(walk),
                "items" | "additionalProperties" => walk(value),
                _ => {}
            }
        }
    }
    walk(document::schema().as_value());
}

mod random {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_lint_panic(text in "\\PC{0,60}") {
            let _ = lint(&text);
        }

        #[test]
        fn a_line_left_out_is_a_fault_or_a_playbook(line in 0usize..36) {
            let lines: Vec<_> = GOOD.lines().enumerate().filter(|(n, _)| *n != line).map(|(_, line)| line).collect();
            let text = lines.join("\n");
            if let Err(faults) = lint(&text) {
                let last = text.lines().count() as u64;
                prop_assert!(!faults.is_empty() && faults.iter().all(|fault| (1..=last + 1).contains(&fault.line)), "{faults:?}");
            }
        }
    }
}
