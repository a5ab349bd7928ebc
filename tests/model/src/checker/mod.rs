//! A model checker over the shipped decisions: every order of events that a setting allows is tried, with controllers that
//! die, lag and overlap, requests that are lost or late, people who race, and machines that do not come back.
//!
//! What decides is the shipped core: `decide`, the grant rules `allowed`, `lacking` and `may_begin`, and `saga::next`. What
//! is modelled here is everything around it: the API server ([`stored`]), machines ([`host`]), how a controller carries
//! decisions out ([`planner`], [`saga`], [`operate`]), and what happens to all of them ([`event`]). [`judge`] counts what
//! is allowed a second time. Faults can be seeded ([`bug`]), so that each invariant can be seen to fail.

pub mod bug;
pub mod ending;
pub mod event;
pub mod host;
pub mod invariant;
pub mod judge;
pub mod operate;
pub mod planner;
pub mod report;
pub mod saga;
pub mod search;
pub mod setting;
pub mod settings;
pub mod state;
pub mod stored;
pub mod trouble;
