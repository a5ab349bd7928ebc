//! Which nodes may be granted, by the set rule.
