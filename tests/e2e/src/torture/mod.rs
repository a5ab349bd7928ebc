//! One fault at one place of a repair, for every place and every fault: what becomes of the node then?
//!
//! A [`Site`] is a real API server with plain nodes, and a controller that reaches both through the fault proxies of
//! `tests/proxy`. A [`Story`] is the repair of one node by one playbook. Played without faults it leaves a log of every
//! request and every connection, which [`steps`] turns into plans; each plan is played on a node of its own, by a
//! controller of its own, and [`oracle`] compares how it ended with how the story ends without faults.

mod cluster;
mod crew;
mod line;
pub mod oracle;
mod play;
mod results;
mod site;
pub mod steps;
mod story;

pub use crew::{Crew, Work, estimate};
pub use play::{Ended, play};
pub use results::{Record, Results, Tally};
pub use site::Site;
pub use steps::TorturePlan;
pub use story::Story;
