//! The socket of one call, so that a blocked ssh2 call can be ended from outside.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A handle on a connection that another thread may be blocked on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    socket: Option<TcpStream>,
    cut: bool,
}

impl Line {
    /// Hands over the socket; shut at once if the call was given up in the meantime.
    pub(crate) fn connected(&self, socket: &TcpStream) -> std::io::Result<()> {
        let socket = socket.try_clone()?;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.socket = Some(socket);
        state.shut_if_cut();
        Ok(())
    }

    /// Ends the connection, now or as soon as it stands.
    pub(crate) fn cut(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.cut = true;
        state.shut_if_cut();
    }

    pub(crate) fn cut_on_drop(&self) -> CutOnDrop {
        CutOnDrop(self.clone())
    }
}

impl State {
    fn shut_if_cut(&self) {
        if let (true, Some(socket)) = (self.cut, &self.socket) {
            // An error means that the peer was first.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Ends the connection when dropped.
#[derive(Debug)]
pub(crate) struct CutOnDrop(Line);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_blocked_read_ends_when_the_line_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let line = Line::default();
        line.connected(&stream).unwrap();
        let reader = std::thread::spawn(move || stream.read(&mut [0; 1]).unwrap());
        drop(line.cut_on_drop());
        assert_eq!(reader.join().unwrap(), 0);
    }

    #[test]
    fn a_line_cut_before_it_stands_never_stands() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Line::default();
        line.cut();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        line.connected(&stream).unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    }
}
