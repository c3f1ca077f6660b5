//! A hub's own thread, which calls its queued listeners.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::dispatcher::Worker;
use super::queue::Queue;
use crate::delivery::shared::{HubShared, scope};

pub(crate) struct Dispatcher(JoinHandle<()>);

impl Dispatcher {
    /// In the words of a hub's `Debug` output.
    pub(crate) const KIND: &str = "thread";

    /// Starts a thread that delivers what the queue accepts until the queue is closed and empty.
    pub(crate) fn spawn(queue: Arc<Queue>, shared: Arc<HubShared>) -> io::Result<Self> {
        // The worker is made on its thread: dropping a worker because no thread could start would
        // disconnect the queue.
        thread::Builder::new()
            .name("typed-hub".to_owned())
            .spawn(move || Worker::new(queue, shared).run())
            .map(Self)
    }

    /// Waits for the end of the thread, unless this is the thread or a queued callback.
    pub(crate) fn join(self) {
        if self.0.thread().id() != thread::current().id() && !scope::any_dispatch() {
            // The thread ends by itself: a listener's panic never reaches it.
            let _ = self.0.join();
        }
    }
}
