//! One channel's listeners, and the way of an event to them.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::registry::AnyChannel;
use super::report::{ChannelReport, DeliveryKind, ListenerReport};
use crate::channel::Channel;
use crate::delivery::context::Context;
use crate::delivery::inline::InlineListeners;
use crate::delivery::queue::{Admission, Queue};
use crate::delivery::queued::QueuedListeners;
use crate::envelope::{Envelope, Payload};

pub(super) struct Listeners<C: Channel> {
    published: AtomicU64,
    pub(super) inline: Arc<InlineListeners<C>>,
    pub(super) queued: Arc<QueuedListeners<C>>,
}

impl<C: Channel> Listeners<C> {
    pub(super) fn new(lane: usize, context: &Arc<Context>) -> Self {
        Self {
            published: AtomicU64::new(0),
            inline: Arc::new(InlineListeners::new(Arc::clone(context))),
            queued: Arc::new(QueuedListeners::new(lane, Arc::clone(context))),
        }
    }

    /// Accepts an event: into the queue first, where somebody listens there, so that it has its
    /// place in the order before an inline listener publishes the next; then to the inline
    /// listeners. Only a full queue hands it back.
    pub(super) fn publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: &'static Location<'static>,
        admission: Admission,
    ) -> Result<(), C::Event> {
        let enqueue = |event| queue.push(&self.queued, Envelope::new(event, source), admission);
        let mut inline = None;
        match (self.queued.is_empty(), self.inline.is_empty()) {
            (true, true) => {}
            (true, false) => inline = Some(Payload::Own(event)),
            (false, true) => enqueue(Payload::Own(event)).map_err(refused)?,
            (false, false) => {
                let event = Arc::new(event);
                if let Err(envelope) = enqueue(Payload::Shared(Arc::clone(&event))) {
                    drop(event);
                    return Err(refused(envelope));
                }
                inline = Some(Payload::Shared(event));
            }
        }
        self.published.fetch_add(1, Ordering::Relaxed);
        if let Some(event) = inline {
            self.inline.publish(event);
        }
        Ok(())
    }
}

fn refused<C: Channel>(envelope: Envelope<C>) -> C::Event {
    envelope
        .into_payload()
        .into_inner()
        .expect("nobody shares an event that was refused")
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
            listeners: inline.chain(queued).collect(),
        }
    }
}
