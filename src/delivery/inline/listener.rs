//! One inline listener.

use std::sync::Arc;

use super::InlineListeners;
use crate::channel::Channel;
use crate::delivery::listener::subscription::{CallUnderWay, Unsubscribe};
use crate::delivery::listener::{Listener, ListenerName};
use crate::delivery::shared::HubShared;
use crate::delivery::shared::trace;

/// A listener with a callback of any type. The callback lies in place, so that a call costs no more
/// than that of a boxed closure.
pub(crate) trait Inline<C: Channel>: AsRef<Listener> + Send + Sync {
    /// Calls the callback, unless the listener has ended.
    fn call(&self, event: &C::Event, shared: &HubShared);

    /// How many events had been published when it joined. Every later publish has called it, so
    /// that its deliveries are derived, not counted: they may be off by one for each cache that was
    /// publishing while it joined.
    fn published_before(&self) -> u64;

    /// The listener itself, when this is the last reference to it. Its drop is user code.
    fn into_last(self: Arc<Self>) -> Option<Box<dyn Inline<C>>>;
}

/// The fields that a call needs come first, close together.
#[repr(C)]
pub(super) struct InlineListener<C: Channel, F> {
    /// `None` only during the drop.
    callback: Option<F>,
    common: Listener,
    published_before: u64,
    /// A reference cycle while it listens: the end of its guard, or of the hub, breaks it.
    channel: Arc<InlineListeners<C>>,
}

impl<C: Channel, F> InlineListener<C, F> {
    pub(super) fn new(
        name: ListenerName,
        callback: F,
        published_before: u64,
        channel: Arc<InlineListeners<C>>,
    ) -> Self {
        Self {
            callback: Some(callback),
            common: Listener::new(name),
            published_before,
            channel,
        }
    }
}

impl<C: Channel, F: Fn(&C::Event) + Send + Sync + 'static> Inline<C> for InlineListener<C, F> {
    #[inline]
    fn call(&self, event: &C::Event, shared: &HubShared) {
        if let Some(callback) = &self.callback
            && self.common.is_active()
        {
            self.common.isolate(shared, C::NAME, || {
                trace::delivery(C::NAME, &self.common.name);
                callback(event);
            });
        }
    }

    fn published_before(&self) -> u64 {
        self.published_before
    }

    fn into_last(self: Arc<Self>) -> Option<Box<dyn Inline<C>>> {
        Arc::into_inner(self).map(|listener| Box::new(listener) as _)
    }
}

impl<C: Channel, F> AsRef<Listener> for InlineListener<C, F> {
    fn as_ref(&self) -> &Listener {
        &self.common
    }
}

impl<C: Channel, F: Send + Sync + 'static> Unsubscribe for InlineListener<C, F> {
    fn name(&self) -> &ListenerName {
        &self.common.name
    }

    fn channel(&self) -> &'static str {
        C::NAME
    }

    fn kind(&self) -> &'static str {
        "inline"
    }

    fn is_listening(&self) -> bool {
        self.common.is_active() && !self.channel.kinds.shared.is_closed()
    }

    fn unsubscribe(&self) {
        self.common.deactivate();
        self.channel.leave(&self.common);
    }

    /// Publishers share the listener through their snapshots: when it has been dropped, no call is
    /// under way.
    fn call_under_way(self: Arc<Self>) -> CallUnderWay {
        let shared = Arc::clone(&self.channel.kinds.shared);
        self.common.set_closing();
        let listener = Arc::downgrade(&self);
        drop(self);
        CallUnderWay::new(shared, move |_| listener.strong_count() != 0)
    }
}

/// The last reference may be that of a publisher, which drops it under no lock.
impl<C: Channel, F> Drop for InlineListener<C, F> {
    fn drop(&mut self) {
        let shared = &self.channel.kinds.shared;
        // First: no call is under way any more, and `close` does not wait for the drop of captures.
        if self.common.is_closing() {
            shared.listener_ended();
        }
        let callback = self.callback.take();
        self.common.isolate(shared, C::NAME, || drop(callback));
    }
}
