//! What `{:?}` shows of a hub's handles.
//!
//! Each figure is read before the first text is written, under a lock of its own and under none of
//! the others: what is written to may be a user's code. No listener is held, so that none is dropped
//! here, and no hub.

use std::fmt;

use super::publisher::Publisher;
use super::{Hub, WeakHub};
use crate::channel::Channel;

/// The hub's number in this process, how full it is, and what calls its queued listeners: the hub's
/// `thread`, a `worker`, or `none` before the first `listen`. It may be asked for anywhere, callbacks
/// included.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = self.inner.registry.channels();
        let listeners = channels.iter().map(|channel| channel.listener_count());
        let listeners: usize = listeners.sum();
        let depth = self.inner.queue.depth();
        let dispatcher = match self.inner.dispatcher.get() {
            None => "none",
            Some(None) => "worker",
            Some(Some(_)) => "thread",
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
        // Not upgraded: the strong handle might become the last, whose drop waits.
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
