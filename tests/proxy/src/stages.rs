//! How far a connection to a host has come, told from the number of bytes that passed: it cannot be read.
//!
//! A command has four turns. The client logs in and sends a command line, which for the controller holds its whole program
//! and is long; the server says that it has started; the client sends the request; the server answers. A login is far
//! shorter than the command line, and what the server says to a command that it starts is far shorter than an answer.

/// More than the client sends to log in (about 3 KB with certificates), less than with the command line (some 27 KB).
const LOGGED_IN: usize = 12 * 1024;
/// More than two window adjustments (36 bytes each) and the shortest answer (52 bytes) before its exit status; not more
/// than that answer with its exit status and the end of the channel (140 bytes).
const ANSWERED: usize = 130;

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The client has not sent its command line.
    LogIn,
    /// The command line is on its way.
    Command,
    /// The command runs, and its request is on its way.
    Request,
    /// The answer is here.
    Answer,
}

/// Counts what passed.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    from_client: usize,
    /// What the server has said since the first byte of the request.
    since_request: usize,
    command_started: bool,
    request_begun: bool,
}

impl Stages {
    /// So many bytes came from the client. Returns where they belong.
    pub(crate) fn client_said(&mut self, bytes: usize) -> Stage {
        let before = self.from_client;
        self.from_client += bytes;
        if self.command_started {
            self.request_begun = true;
            return Stage::Request;
        }
        // The first piece of the command line can still have an end of the login in it.
        if before < LOGGED_IN && self.from_client < LOGGED_IN { Stage::LogIn } else { Stage::Command }
    }

    /// So many bytes came from the server. Returns where they belong.
    pub(crate) fn server_said(&mut self, bytes: usize) -> Stage {
        if self.request_begun {
            self.since_request += bytes;
            return if self.since_request >= ANSWERED { Stage::Answer } else { Stage::Request };
        }
        // A command line takes nothing of the channel's window, so the server has nothing to say in the middle of it.
        if self.from_client < LOGGED_IN {
            return Stage::LogIn;
        }
        self.command_started = true;
        Stage::Command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_four_turns() {
        let mut stages = Stages::default();
        assert_eq!(stages.client_said(2_000), Stage::LogIn);
        assert_eq!(stages.server_said(3_000), Stage::LogIn);
        assert_eq!(stages.client_said(1_000), Stage::LogIn);
        assert_eq!(stages.client_said(16_000), Stage::Command);
        assert_eq!(stages.client_said(11_000), Stage::Command);
        assert_eq!(stages.server_said(40), Stage::Command, "it has started");
        assert_eq!(stages.client_said(120), Stage::Request);
        assert_eq!(stages.server_said(40), Stage::Request, "a window adjustment");
        assert_eq!(stages.client_said(40), Stage::Request, "the end of the data");
        assert_eq!(stages.server_said(104), Stage::Answer);
    }
}
