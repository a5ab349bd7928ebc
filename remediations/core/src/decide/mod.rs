//! `decide`: what the fleet does next, with reasons. Pure.
