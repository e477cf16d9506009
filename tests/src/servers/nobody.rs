//! A place that must not be asked: it counts who connects, whatever they want, and answers nobody.

use std::net::TcpListener;

/// A listener on a port of its own.
pub struct Nobody(TcpListener);

impl Nobody {
    /// Listens from now on.
    pub fn start() -> Nobody {
        let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        Nobody(listener.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Its address, as that of a service.
    pub fn url(&self) -> String {
        let address = self.0.local_addr().unwrap_or_else(|error| panic!("{error}"));
        format!("http://{address}")
    }

    /// How many have connected since this was last asked.
    pub fn connections(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}
