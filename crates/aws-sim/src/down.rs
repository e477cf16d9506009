//! A server that is gone for a while: nobody listens, so that connections are refused.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::locked;

/// Whether the server is gone.
#[derive(Debug, Default)]
pub(crate) struct Down {
    down: AtomicBool,
    /// `None`: for good.
    how_long: Mutex<Option<Duration>>,
    begun: Notify,
}

impl Down {
    /// From now on nobody listens, for so long.
    pub(crate) fn begin(&self, how_long: Option<Duration>) {
        *locked(&self.how_long) = how_long;
        self.down.store(true, Ordering::SeqCst);
        self.begun.notify_one();
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    /// Waits until it begins.
    pub(crate) async fn begun(&self) {
        self.begun.notified().await;
    }

    /// Waits until it is over.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a server is gone is real time: it is what a caller waits for"
    )]
    pub(crate) async fn over(&self) {
        let how_long = *locked(&self.how_long);
        match how_long {
            Some(how_long) => tokio::time::sleep(how_long).await,
            None => std::future::pending().await,
        }
        self.down.store(false, Ordering::SeqCst);
    }
}
