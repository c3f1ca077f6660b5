//! A publish that waits for room without blocking its thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::channel::{ChannelState, PublishWaiter};
use crate::channel::Channel;
use crate::delivery::queued::queue::Queue;
use crate::envelope::Source;

/// The future of a publish. Dropping it before it is ready drops the event; a dropped future never
/// wakes its task.
pub(super) struct PublishFuture<'a, C: Channel> {
    channel: &'a ChannelState<C>,
    queue: &'a Queue,
    /// `None` once the event is accepted.
    event: Option<C::Event>,
    source: Source,
    waiter: PublishWaiter,
}

impl<'a, C: Channel> PublishFuture<'a, C> {
    pub(super) fn new(
        channel: &'a ChannelState<C>,
        queue: &'a Queue,
        event: C::Event,
        source: Source,
    ) -> Self {
        Self {
            channel,
            queue,
            event: Some(event),
            source,
            waiter: PublishWaiter::default(),
        }
    }
}

/// The event is moved, never pinned.
impl<C: Channel> Unpin for PublishFuture<'_, C> {}

impl<C: Channel> Future for PublishFuture<'_, C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let (queue, source) = (this.queue, this.source);
        while let Some(event) = this.event.take() {
            let accepted = this.channel.publish_or_wait(queue, event, source);
            let Err(rejected) = accepted else {
                break;
            };
            this.event = Some(rejected.event);
            // Cloning runs the executor's code, which may panic: the event stays in the future.
            let waker = task.waker().clone();
            if this
                .channel
                .wait(queue, rejected.bound, &mut this.waiter, waker)
            {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}

impl<C: Channel> Drop for PublishFuture<'_, C> {
    fn drop(&mut self) {
        self.channel.cancel_wait(self.queue, &mut self.waiter);
    }
}
