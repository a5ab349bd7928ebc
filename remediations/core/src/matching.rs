//! Which nodes match which policy, and why.
