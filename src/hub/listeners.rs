//! One channel's listeners, and the way of an event to them.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::registry::AnyChannel;
use super::report::{ChannelReport, DeliveryKind, ListenerReport};
use crate::channel::Channel;
use crate::delivery::context::Context;
use crate::delivery::inline::InlineListeners;
use crate::delivery::inside;
use crate::delivery::queue::{Limit, Queue};
use crate::delivery::queued::{NewListener, QueuedListeners};
use crate::delivery::retained::{Replay, Retained};
use crate::delivery::subscription::Subscription;
use crate::envelope::{Envelope, Payload};

pub(super) struct Listeners<C: Channel> {
    published: AtomicU64,
    pub(super) inline: Arc<InlineListeners<C>>,
    queued: Arc<QueuedListeners<C>>,
    retained: Retained<C>,
}

/// What a publisher does where the queue is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Waits for room or, inside a callback, goes beyond the capacity.
    Wait,
    /// Gets its event back.
    Try,
}

impl<C: Channel> Listeners<C> {
    pub(super) fn new(lane: usize, context: &Arc<Context>) -> Self {
        Self {
            published: AtomicU64::new(0),
            inline: Arc::new(InlineListeners::new(Arc::clone(context))),
            queued: Arc::new(QueuedListeners::new(lane, Arc::clone(context))),
            retained: Retained::new(Arc::clone(context)),
        }
    }

    /// Publishes an event: has it accepted, then calls the inline listeners. In this order, so that
    /// the event has its place in the queue before an inline listener publishes the next. An event
    /// that was not accepted comes back.
    pub(super) fn publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: &'static Location<'static>,
        admission: Admission,
    ) -> Result<(), C::Event> {
        let mut event = Payload::Own(event);
        let mut limit = Limit::Capacity;
        let inline = loop {
            match self.accept(queue, event, source, limit) {
                Ok(inline) => break inline,
                Err(refused) if admission == Admission::Try => {
                    return Err(refused.into_inner().expect("nobody shares a refused event"));
                }
                Err(refused) => event = refused,
            }
            if inside::any_callback() || queue.is_attended_here() {
                limit = Limit::None;
            } else {
                queue.wait_for_room();
            }
        };
        self.published.fetch_add(1, Ordering::Relaxed);
        if let Some(event) = inline {
            self.inline.publish(event);
        }
        Ok(())
    }

    /// Puts an event wherever it is to be kept for later. What comes back is for the inline
    /// listeners, if there are any, or refused by a full queue.
    fn accept(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: &'static Location<'static>,
        limit: Limit,
    ) -> Result<Option<Payload<C::Event>>, Payload<C::Event>> {
        let called_inline = !self.inline.is_empty();
        if C::RETAIN == 0 && self.queued.is_empty() {
            return Ok(called_inline.then_some(event));
        }
        let (event, inline) = if called_inline {
            let (event, inline) = event.share();
            (event, Some(inline))
        } else {
            (event, None)
        };
        let mut envelope = Envelope::<C>::new(event, source);
        if C::RETAIN > 0 || self.queued.wants_time() {
            envelope.stamp();
        }
        let accepted = if C::RETAIN > 0 {
            self.retained.push(queue, &self.queued, envelope, limit)
        } else {
            queue.push(&self.queued, envelope, limit).map(drop)
        };
        match accepted {
            Ok(()) => Ok(inline),
            Err(refused) => Err(refused.into_payload()),
        }
    }

    /// Registers a queued listener: for what is accepted from now on and, where it asks for
    /// `replay`, for what is retained of the time before.
    pub(super) fn listen(
        &self,
        queue: &Queue,
        replay: Replay,
        listener: NewListener<C>,
    ) -> Subscription {
        if C::RETAIN == 0 || replay == Replay::None {
            return self.queued.listen(listener, queue.next(), Vec::new());
        }
        self.retained.replay(replay, |missed| {
            let subscription = self.queued.listen(listener, queue.next(), missed);
            queue.nudge(&self.queued);
            subscription
        })
    }
}

impl<C: Channel> AnyChannel for Listeners<C> {
    fn report(&self) -> ChannelReport {
        let queued = self.queued.listeners();
        let queued = queued.iter().map(|listener| {
            ListenerReport::new(
                (**listener).as_ref(),
                DeliveryKind::Queued,
                listener.delivered(),
            )
        });
        let inline = self.inline.listeners();
        let inline = inline.iter().map(|(listener, delivered)| {
            ListenerReport::new((**listener).as_ref(), DeliveryKind::Inline, *delivered)
        });
        ChannelReport {
            name: C::NAME,
            type_name: std::any::type_name::<C>(),
            published: self.published.load(Ordering::Relaxed),
            retained: self.retained.len(),
            listeners: inline.chain(queued).collect(),
        }
    }
}
