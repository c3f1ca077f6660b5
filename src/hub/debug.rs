//! The `Debug` output of a hub's handles.
//!
//! Each figure is read before the first text is written, and under its own lock only: the writer
//! may be user code. No handle of a listener or hub is held, so that none is dropped here.

use std::fmt;

use super::publisher::Publisher;
use super::{Hub, WeakHub};
use crate::channel::Channel;
use crate::delivery::queued::Dispatcher;

/// Shows the hub's number in this process, how full it is, and what calls its queued listeners: the
/// hub's `thread` (in a page its `task`), a `worker`, or `none` before the first `listen`. It can be called anywhere, also
/// inside callbacks.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = self.inner.channels.all();
        let listeners = channels.iter().map(|channel| channel.listener_count());
        let listeners: usize = listeners.sum();
        let depth = self.inner.queue.depth();
        let dispatcher = match self.inner.dispatcher.get() {
            None => "none",
            Some(None) => "worker",
            Some(Some(_)) => Dispatcher::KIND,
        };
        f.debug_struct("Hub")
            .field("id", &self.inner.shared.hub.get())
            .field("capacity", &depth.capacity)
            .field("waiting", &depth.waiting)
            .field("channels", &channels.len())
            .field("listeners", &listeners)
            .field("dispatcher", &format_args!("{dispatcher}"))
            .finish()
    }
}

impl fmt::Debug for WeakHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not upgraded: a strong handle might become the last one, whose drop waits.
        f.debug_struct("WeakHub")
            .field("id", &self.id.get())
            .field("alive", &(self.inner.strong_count() != 0))
            .finish()
    }
}

impl<C: Channel> fmt::Debug for Publisher<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("channel", &C::NAME)
            .field("hub", &self.hub().inner.shared.hub.get())
            .finish()
    }
}
