//! Where findings come from: facts, checks, results.
