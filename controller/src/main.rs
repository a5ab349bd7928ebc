//! The thin entry point of the `nodemend` binary.

fn main() {}
