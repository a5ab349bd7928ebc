//! The advisory on systemd, build by build.

use super::*;
use proptest::prelude::*;

const CENTOS_7: Host<'_> = Host { id: Some("centos"), id_like: Some("rhel fedora"), version_id: Some("7") };
const RHEL_8: Host<'_> = Host { id: Some("rhel"), id_like: Some("fedora"), version_id: Some("8.1") };

fn on(host: Host<'_>, installed: &[&str]) -> Verdict {
    let installed: Vec<String> = installed.iter().map(|text| (*text).to_owned()).collect();
    SYSTEMD.verdict(host, &installed)
}

fn affected(fixed_in: &str) -> Verdict {
    Verdict::Affected { fixed_in: Some(fixed_in.parse().unwrap()) }
}

fn why(verdict: Verdict) -> String {
    match verdict {
        Verdict::Unknown { why } => why,
        other => panic!("{other:?} is not unknown"),
    }
}

#[test]
fn every_text_of_the_table_is_an_rpm_version_with_a_dist_tag() {
    for row in SYSTEMD.rows {
        for text in [Some(row.from), row.before, row.fixed].into_iter().flatten() {
            assert!(text.parse::<Evr>().unwrap().dist_tag().is_some(), "{text}");
        }
    }
}

#[test]
fn el7_z_stream_7_6_is_fixed_from_its_eighth_build() {
    for text in ["219-58.el7", "219-62.el7", "219-62.el7_6.2", "219-62.el7_6.5", "219-62.el7_6.7"] {
        assert_eq!(on(CENTOS_7, &[text]), affected("219-62.el7_6.8"), "{text}");
    }
    for text in ["219-62.el7_6.8", "219-62.el7_6.9", "219-62.el7_6.17", "0:219-62.el7_6.8"] {
        assert_eq!(on(CENTOS_7, &[text]), Verdict::Fixed, "{text}");
    }
}

#[test]
fn el7_main_stream_is_fixed_from_65_on() {
    for text in ["219-63.el7", "219-64.el7"] {
        assert_eq!(on(CENTOS_7, &[text]), affected("219-65.el7"), "{text}");
    }
    for text in ["219-65.el7", "219-66.el7", "219-67.el7", "219-67.el7_7.1", "219-78.el7_9.9", "219-100.el7"]
    {
        assert_eq!(on(CENTOS_7, &[text]), Verdict::Fixed, "{text}");
    }
}

#[test]
fn el7_streams_7_3_to_7_5_never_got_the_fix() {
    for text in ["219-30.el7", "219-30.el7_3.14", "219-42.el7_4.21", "219-57.el7", "219-57.el7_5.9"] {
        assert_eq!(on(CENTOS_7, &[text]), Verdict::Affected { fixed_in: None }, "{text}");
    }
}

#[test]
fn el8_is_fixed_from_16_on_and_the_8_0_updates_are_not() {
    for text in ["239-13.el8", "239-13.el8_0.1", "239-13.el8_0.7", "239-15.el8"] {
        assert_eq!(on(RHEL_8, &[text]), affected("239-16.el8"), "{text}");
    }
    for text in ["239-16.el8", "239-18.el8_1.4", "239-45.el8_4.3", "239-82.el8_10.5"] {
        assert_eq!(on(RHEL_8, &[text]), Verdict::Fixed, "{text}");
    }
}

#[test]
fn a_build_for_another_major_version_is_never_judged() {
    assert!(
        why(on(RHEL_8, &["219-62.el7_6.8"]))
            .contains("built for el7, and os-release says `rhel` version `8.1`")
    );
    assert!(why(on(CENTOS_7, &["239-16.el8"])).contains("built for el8"));
}

#[test]
fn what_the_table_does_not_list_is_unknown() {
    for text in ["219-19.el7_2.42", "208-20.el7", "234-10.el7", "220-1.el7", "1:219-67.el7"] {
        assert!(why(on(CENTOS_7, &[text])).contains("no row"), "{text}");
    }
    let rocky_9 = Host { id: Some("rocky"), id_like: Some("rhel centos fedora"), version_id: Some("9.3") };
    assert!(why(on(rocky_9, &["252-32.el9"])).contains("no row"));
    assert!(why(on(CENTOS_7, &["219-62.8"])).contains("does not say"));
    assert!(why(on(CENTOS_7, &[])).contains("has no systemd"));
    assert!(why(on(CENTOS_7, &["systemd"])).contains("not an RPM version"));
}

#[test]
fn only_enterprise_linux_and_its_rebuilds_are_judged() {
    let rebuild = Host { id: Some("unheard-of"), id_like: Some("fedora rhel"), version_id: Some("7.9") };
    assert_eq!(on(rebuild, &["219-67.el7"]), Verdict::Fixed);
    for id in ["debian", "ubuntu", "fedora", "sles"] {
        let host = Host { id: Some(id), id_like: None, version_id: Some("7") };
        assert!(why(on(host, &["219-62.el7"])).contains(id));
    }
    assert!(why(on(Host::default(), &["219-62.el7"])).contains("could not be read"));
    let amazon = Host { id: Some("amzn"), id_like: Some("centos rhel fedora"), version_id: Some("2") };
    assert!(why(on(amazon, &["219-78.amzn2.0.22"])).contains("does not say"));
}

#[test]
fn a_rebuild_with_a_number_of_its_own_is_judged_only_where_that_number_does_not_count() {
    let oracle = Host { id: Some("ol"), id_like: Some("fedora"), version_id: Some("7.6") };
    assert!(why(on(oracle, &["219-62.0.4.el7_6.5"])).contains("says nothing"));
    assert_eq!(on(oracle, &["219-78.0.1.el7_9.9"]), Verdict::Fixed);
}

#[test]
fn two_installed_versions_never_pass() {
    assert_eq!(on(CENTOS_7, &["219-78.el7_9.9", "219-62.el7"]), affected("219-62.el7_6.8"));
    assert_eq!(on(CENTOS_7, &["219-19.el7", "219-62.el7"]), affected("219-62.el7_6.8"));
    assert!(why(on(CENTOS_7, &["219-67.el7", "219-78.el7_9.9"])).contains("interrupted"));
    assert!(why(on(CENTOS_7, &["219-67.el7", "219-19.el7"])).contains("no row"));
    assert_eq!(on(CENTOS_7, &["219-67.el7", "219-67.el7"]), Verdict::Fixed);
}

#[test]
fn a_chosen_minimum_replaces_the_table_within_one_distribution() {
    let verdict = |minimum: &str, installed: &str| {
        at_least(&minimum.parse().unwrap(), "systemd", &[installed.to_owned()])
    };
    assert_eq!(verdict("219-67", "219-62.el7_6.8"), affected("219-67"));
    assert_eq!(verdict("219-67", "219-67.el7"), Verdict::Fixed);
    assert_eq!(verdict("219-19.el7", "219-62.el7"), Verdict::Fixed);
    assert_eq!(verdict("245.4-4", "245.4-4"), Verdict::Fixed);
    assert!(why(verdict("219-67.el7", "239-13.el8")).contains("different major versions"));
    assert!(why(verdict("219-62.8", "219-62.el7_6.9")).contains("same place"));
}

proptest! {
    #[test]
    fn within_a_stream_a_fix_is_never_lost_again(minor in 3u32..10, base in 0u32..100, a in 0u32..40, b in 0u32..40) {
        let verdict = |build: u32| on(CENTOS_7, &[&format!("219-{base}.el7_{minor}.{build}")]);
        if verdict(a.min(b)) == Verdict::Fixed {
            prop_assert_eq!(verdict(a.max(b)), Verdict::Fixed);
        }
    }

    #[test]
    fn no_text_passes_without_a_row_of_the_table(text in "[0-9]{1,3}-[0-9]{1,3}(\\.[0-9]{1,2})?(\\.el[6-9](_[0-9])?)?(\\.[0-9]{1,2})?") {
        if on(CENTOS_7, &[&text]) == Verdict::Fixed {
            prop_assert!(text.starts_with("219-") && text.contains(".el7"), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_advisory_panic(text in "\\PC{0,40}") {
        let _ = on(CENTOS_7, &[&text]);
    }
}
