//! Faults that can be laid on a host.
