//! The kinds on a real API server: every rule refuses what it is there for, and lets the rest through.
//!
//! Needs root, like everything that starts a bed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod cluster;
mod journals;
mod pools;
mod rights;
mod runs;
mod tables;

use cluster::Cluster;

/// One control plane for all of them: starting one takes longer than all the questions.
#[test]
fn the_api_server_enforces_the_rules_of_the_kinds() {
    let cluster = Cluster::start("apicrds");
    pools::pools(&cluster);
    pools::policies(&cluster);
    pools::guard(&cluster);
    pools::holds(&cluster);
    runs::playbooks(&cluster);
    runs::requests(&cluster);
    runs::operations(&cluster);
    runs::gates(&cluster);
    runs::plans(&cluster);
    runs::pages(&cluster);
    journals::remediations(&cluster);
    journals::reports(&cluster);
    tables::columns(&cluster);
    rights::controller(&cluster);
    rights::flow_schema(&cluster);
    cluster.every_rule_has_refused();
    cluster.stop();
}
