//! The operator's tool: every subcommand of `nodemend`.
