//! One queued listener.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::vec;

use super::{Callback, QueuedListeners};
use crate::channel::Channel;
use crate::delivery::listener::subscription::{CallUnderWay, Unsubscribe};
use crate::delivery::listener::{Listener, ListenerName};
use crate::delivery::shared::HubShared;
use crate::delivery::shared::progress::ListenerId;
use crate::envelope::Envelope;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;

pub(crate) struct QueuedListener<C: Channel> {
    pub(super) id: ListenerId,
    pub(super) common: Listener,
    pub(super) since: u64,
    pub(super) timed: bool,
    pub(super) once: bool,
    /// `None` while the dispatcher delivers.
    pub(super) slot: Mutex<Option<CallbackSlot<C>>>,
    pub(super) delivered: AtomicU64,
    pub(super) channel: Weak<QueuedListeners<C>>,
    pub(super) shared: Arc<HubShared>,
}

/// A listener's callback, and the replay that it has not got yet.
pub(super) struct CallbackSlot<C: Channel> {
    pub(super) replay: vec::IntoIter<Envelope<C>>,
    pub(super) callback: Callback<C>,
}

impl<C: Channel> QueuedListener<C> {
    /// Called by the dispatcher, which alone writes the count.
    pub(super) fn count(&self) {
        let before = self.delivered.load(Ordering::Relaxed);
        self.delivered.store(before + 1, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Drops the replay and the callback: user code, isolated and under no lock.
    pub(super) fn discard(&self, slot: Option<CallbackSlot<C>>) {
        if let Some(CallbackSlot { replay, callback }) = slot {
            for event in replay {
                self.shared.discard_event::<C>(event);
            }
            self.common
                .isolate(&self.shared, C::NAME, || drop(callback));
        }
    }
}

impl<C: Channel> AsRef<Listener> for QueuedListener<C> {
    fn as_ref(&self) -> &Listener {
        &self.common
    }
}

impl<C: Channel> Unsubscribe for QueuedListener<C> {
    fn name(&self) -> &ListenerName {
        &self.common.name
    }

    fn channel(&self) -> &'static str {
        C::NAME
    }

    fn kind(&self) -> &'static str {
        "queued"
    }

    fn is_listening(&self) -> bool {
        self.common.is_active() && !self.shared.is_closed()
    }

    fn unsubscribe(&self) {
        self.common.deactivate();
        if let Some(channel) = self.channel.upgrade() {
            channel.leave(self);
        }
        let slot = self.slot.lock().take();
        self.discard(slot);
    }

    fn call_under_way(self: Arc<Self>) -> CallUnderWay {
        let id = self.id;
        CallUnderWay::new(Arc::clone(&self.shared), move |progress| {
            progress.is_calling(id)
        })
    }
}

impl<C: Channel> Drop for QueuedListener<C> {
    fn drop(&mut self) {
        let slot = self.slot.lock().take();
        self.discard(slot);
    }
}
