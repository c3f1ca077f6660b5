//! A port of this machine where nothing listens.

use std::net::{SocketAddr, TcpListener, TcpStream};

/// A port that refuses connections. It is in use by a connection of its own for as long as this is
/// kept, so that no other test gets it meanwhile.
pub(crate) struct Closed {
    _listener: TcpListener,
    connection: TcpStream,
}

impl Closed {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self {
            _listener: listener,
            connection,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.connection.local_addr().unwrap()
    }
}
