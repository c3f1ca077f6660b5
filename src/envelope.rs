//! An event and its metadata.

use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use crate::channel::Channel;

/// An event on its way, with what is known of it besides.
pub(crate) struct Envelope<C: Channel> {
    payload: Payload<C::Event>,
    source: &'static Location<'static>,
}

impl<C: Channel> Envelope<C> {
    pub(crate) fn new(payload: Payload<C::Event>, source: &'static Location<'static>) -> Self {
        Self { payload, source }
    }

    pub(crate) fn into_payload(self) -> Payload<C::Event> {
        self.payload
    }

    pub(crate) fn payload(&self) -> &C::Event {
        &self.payload
    }
}

/// The event itself: in place where one way of delivery takes it (an `Arc` for each event costs
/// twice the delivery), behind an `Arc` where several do.
pub(crate) enum Payload<E> {
    Own(E),
    Shared(Arc<E>),
}

impl<E> Payload<E> {
    /// The event, where nobody else shares it.
    pub(crate) fn into_inner(self) -> Option<E> {
        match self {
            Self::Own(event) => Some(event),
            Self::Shared(event) => Arc::into_inner(event),
        }
    }
}

impl<E> Deref for Payload<E> {
    type Target = E;

    fn deref(&self) -> &E {
        match self {
            Self::Own(event) => event,
            Self::Shared(event) => event,
        }
    }
}
