//! The tool on a real API server. No controller runs: what it would write is written here.
//!
//! Needs root, like everything that starts a bed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod cluster;
mod holds;
mod leaves;
mod runs;
mod shows;
mod watches;

use cluster::Cluster;

/// One control plane for all of them: starting one takes longer than all the questions.
#[test]
fn operators_get_answers_from_a_real_api_server() {
    let cluster = Cluster::start("tool");
    shows::a_cluster_without_the_kinds(&cluster);
    cluster.furnish();
    shows::tables_and_objects(&cluster);
    shows::plans(&cluster);
    holds::stop_and_release(&cluster);
    holds::pause_and_resume(&cluster);
    runs::nothing_is_created_by_accident(&cluster);
    let run = runs::a_run_is_created(&cluster);
    watches::a_run_is_followed_to_its_end(&cluster, &run);
    runs::a_run_is_aborted_once(&cluster);
    leaves::nothing_hangs_without_a_controller(&cluster);
    cluster.stop();
}
