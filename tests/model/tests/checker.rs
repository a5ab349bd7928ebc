//! A small part of what `make model` searches: no order of a few events breaks an invariant, and seeded faults are caught.

use std::time::Duration;

use nodemend_model::checker::bug::Bug;
use nodemend_model::checker::report::{Found, Limits, search};
use nodemend_model::checker::setting::Setting;
use nodemend_model::checker::settings::{of, rivals, saga};

/// Enough for a debug build on a busy machine.
const LIMITS: Limits = Limits { states: 4_000, time: Duration::from_mins(1), threads: 2 };

fn searched(setting: Setting, bug: Bug) -> Found {
    search(Setting { one_in: 8, ..setting }, bug, LIMITS)
}

#[test]
fn nothing_breaks() {
    for setting in [saga(0), saga(1), rivals(1)] {
        let found = searched(setting, Bug::Nothing);
        assert!(found.violated.is_empty() && found.states > 20, "{found:#?}");
    }
}

#[test]
fn seeded_faults_are_caught_by_the_invariant_that_is_about_them() {
    let caught = |bug| searched_as_it_is(of(bug), bug).violated.into_keys().collect::<Vec<_>>();
    assert_eq!(caught(Bug::EffectBeforeIntent), ["intent-first"]);
    assert_eq!(caught(Bug::GrantFromCache), ["budget-of-grants"]);
    assert_eq!(caught(Bug::OneGrantIsEnough), ["both-grants"]);
    assert_eq!(caught(Bug::RestartForgets), ["rate"]);
    assert_eq!(caught(Bug::NeverReleased), ["comes-to-an-end"]);
}

fn searched_as_it_is(setting: Setting, bug: Bug) -> Found {
    search(setting, bug, Limits { states: usize::MAX, ..LIMITS })
}
