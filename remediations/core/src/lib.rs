//! What a repair is: versions, playbooks, plans, decisions and sagas, without a side effect.
//!
//! Nothing here reads a clock, a file, a socket or an environment variable. What the world looks like comes in
//! as data ([`snapshot::Snapshot`], [`saga::Observation`]), what shall be done goes out as data
//! ([`decide::Decision`], [`op::Op`]). The controller, the operator's tool and the tests run this same code.

pub mod actions;
pub mod blocker;
pub mod budget;
pub mod canonical;
pub mod cordon;
pub mod decide;
pub mod drain;
pub mod facts;
pub mod finding;
pub mod history;
pub mod ids;
pub mod matching;
pub mod op;
pub mod orphan;
pub mod plan;
pub mod playbook;
pub mod rollout;
pub mod saga;
pub mod selector;
pub mod sim;
pub mod small_map;
pub mod snapshot;
pub mod time;
pub mod version;
