//! The entry of a receiver in its channel's log, and what happens when the receiver is full.

use std::collections::VecDeque;
use std::task::Waker;

use crossbeam_channel::Sender;

use super::state::Segment;
use crate::channel::Channel;
use crate::delivery::listener::ListenerName;
use crate::delivery::receiver::NewReceiver;

/// What happens when a receiver's buffer is full.
///
/// The receivers of a channel share the events. A receiver that drops events keeps at most its
/// capacity alive, plus 128 events because events are freed in chunks.
///
/// ```
/// use typed_hub::{Overflow, ReceiverOptions};
///
/// let latest_only = ReceiverOptions::builder()
///     .capacity(1)
///     .overflow(Overflow::DropOldest)
///     .build();
/// # drop(latest_only);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// `publish` blocks, and `try_publish` hands the event back: no event is lost. A publish inside
    /// a callback, or inside a predicate of [`wait_for`](crate::Hub::wait_for), does not block, nor
    /// does the auth category on [`Auth`](crate::Auth): then more events than the capacity may
    /// wait.
    #[default]
    Block,
    /// The oldest waiting event is lost to this receiver.
    DropOldest,
    /// The new event is lost to this receiver.
    DropNewest,
}

pub(crate) struct Reader<C: Channel> {
    pub(crate) name: ListenerName,
    pub(crate) overflow: Overflow,
    pub(super) envelopes: bool,
    /// Set when user code has asked for the signal.
    pub(crate) ready_signal: Option<Sender<()>>,
    /// Whether the next event notifies it.
    pub(crate) is_parked: bool,
    pub(crate) waker: Option<Waker>,
    /// How many events it has taken, and how many were lost to it before it took.
    pub(crate) received: u64,
    pub(super) lost: u64,
    pub(crate) capacity: u64,
    /// The number of the first event it has not taken or, when it is full, does not hold.
    pub(super) cursor: u64,
    /// The events that wait for it when it is full and drops the newest: as many as its capacity.
    pub(super) full: Option<VecDeque<Segment<C>>>,
}

impl<C: Channel> Reader<C> {
    pub(crate) fn new(new: NewReceiver, cursor: u64) -> Self {
        Self {
            name: new.name,
            overflow: new.overflow,
            envelopes: new.envelopes,
            ready_signal: None,
            is_parked: false,
            waker: None,
            received: 0,
            lost: 0,
            capacity: new.capacity.max(1) as u64,
            cursor,
            full: None,
        }
    }

    /// Sends the ready signal, if user code has asked for it. A pending signal stands for this one
    /// too.
    pub(crate) fn notify(&self) {
        if let Some(ready_signal) = &self.ready_signal {
            let _ = ready_signal.try_send(());
        }
    }

    /// How many events wait for it when the log ends at `end`.
    pub(crate) fn waiting(&self, end: u64) -> u64 {
        if self.full.is_some() {
            return self.capacity;
        }
        let unread = end - self.cursor;
        match self.overflow {
            Overflow::Block => unread,
            Overflow::DropOldest | Overflow::DropNewest => unread.min(self.capacity),
        }
    }

    /// How many events were lost to it when the log ends at `end`, also since it last took.
    pub(crate) fn lost(&self, end: u64) -> u64 {
        let held = self.full.as_ref().map_or(0, |_| self.capacity);
        self.lost + held + (end - self.cursor) - self.waiting(end)
    }

    /// The end of the log at which it is full.
    pub(super) fn limit(&self) -> u64 {
        self.cursor.saturating_add(self.capacity)
    }
}
