//! A publish that waits for room without blocking its thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::listeners::{Listeners, Seat};
use crate::channel::Channel;
use crate::delivery::queue::Queue;
use crate::envelope::{Payload, Source};

/// The future of an event that is to be accepted. Dropped before, it drops the event; once it is
/// dropped, nobody wakes its task any more.
pub(super) struct Publishing<'a, C: Channel> {
    listeners: &'a Listeners<C>,
    queue: &'a Queue,
    /// There until it is accepted.
    event: Option<Payload<C::Event>>,
    source: Source,
    seat: Seat,
}

impl<'a, C: Channel> Publishing<'a, C> {
    pub(super) fn new(
        listeners: &'a Listeners<C>,
        queue: &'a Queue,
        event: C::Event,
        source: Source,
    ) -> Self {
        Self {
            listeners,
            queue,
            event: Some(Payload::Own(event)),
            source,
            seat: Seat::default(),
        }
    }
}

/// The event is moved, never pinned.
impl<C: Channel> Unpin for Publishing<'_, C> {}

impl<C: Channel> Future for Publishing<'_, C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(event) = this.event.take() else {
            return Poll::Ready(());
        };
        let (queue, source) = (this.queue, this.source);
        let seat = &mut this.seat;
        match this
            .listeners
            .poll_publish(queue, event, source, seat, task.waker())
        {
            Ok(()) => Poll::Ready(()),
            Err(event) => {
                this.event = Some(event);
                Poll::Pending
            }
        }
    }
}

impl<C: Channel> Drop for Publishing<'_, C> {
    fn drop(&mut self) {
        self.listeners.stand_up(self.queue, &mut self.seat);
    }
}
