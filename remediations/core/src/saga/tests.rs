//! Sagas in a world in miniature, driven as the controller drives them.

mod endings;
mod host;
mod others;
mod properties;
mod resolve;
mod services;
mod transitions;
mod undo;
mod undo_properties;
mod world;
