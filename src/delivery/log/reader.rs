//! A receiver as the log of its channel sees it.

use std::collections::VecDeque;
use std::task::Waker;

use crossbeam_channel::Sender;

use super::state::Segment;
use crate::channel::Channel;
use crate::delivery::listener::ListenerName;

/// What happens when a receiver's buffer is full.
///
/// The receivers of a channel share the events. One that loses events keeps no more of them alive than
/// its capacity and, because they are dropped in chunks, 128.
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
    /// `publish` waits for the receiver, and `try_publish` hands the event back: nothing is lost.
    /// From inside a callback, or a predicate of [`wait_for`](crate::Hub::wait_for), a publish does
    /// not wait, nor does the auth category on [`Auth`](crate::Auth): then more events wait for the
    /// receiver than its capacity says.
    #[default]
    Block,
    /// The oldest event that waits is lost to this receiver.
    DropOldest,
    /// The event that is published is lost to this receiver.
    DropNewest,
}

pub(crate) struct Reader<C: Channel> {
    pub(crate) name: ListenerName,
    pub(crate) overflow: Overflow,
    /// Where somebody listens for it.
    pub(crate) ready_signal: Option<Sender<()>>,
    /// Whether it wants to be told of the next event.
    pub(crate) is_parked: bool,
    pub(crate) waker: Option<Waker>,
    /// How many events it has taken, and how many were lost to it before it took.
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) capacity: u64,
    /// The number of the first event it has not taken or, when it is full, does not hold.
    pub(super) cursor: u64,
    /// What waits for it when it is full and loses the newest: as much as its capacity.
    pub(super) full: Option<VecDeque<Segment<C>>>,
}

impl<C: Channel> Reader<C> {
    /// A capacity of 0, which could let nothing wait, counts as 1.
    pub(crate) fn new(
        name: ListenerName,
        capacity: usize,
        overflow: Overflow,
        cursor: u64,
    ) -> Self {
        Self {
            name,
            overflow,
            ready_signal: None,
            is_parked: false,
            waker: None,
            received: 0,
            lost: 0,
            capacity: capacity.max(1) as u64,
            cursor,
            full: None,
        }
    }

    /// Sends its ready signal, if somebody waits for it. A signal that has not been taken yet stands
    /// for this one too.
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

    /// The end of the log at which as many events wait for it as it lets wait.
    pub(super) fn limit(&self) -> u64 {
        self.cursor.saturating_add(self.capacity)
    }
}
