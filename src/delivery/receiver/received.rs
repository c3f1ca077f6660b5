//! An event that a receiver has handed out.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::log::Chunk;
use crate::channel::Channel;
use crate::envelope::Envelope;

/// A received event. It derefs to the event, which is shared, not copied. While it lives, the
/// events that the receiver took together with it stay in memory too.
///
/// ```
/// use typed_hub::{Custom, Hub, Received};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let hub = Hub::new();
/// let mut ticks = hub.receiver::<Custom<Ticks>>();
/// hub.publish::<Custom<Ticks>>(7);
/// let tick: Received<Custom<Ticks>> = ticks.recv()?;
/// assert_eq!(*tick, 7);
/// # Ok::<(), typed_hub::RecvError>(())
/// ```
pub struct Received<C: Channel> {
    chunk: Arc<Chunk<C>>,
    index: usize,
}

impl<C: Channel> Received<C> {
    pub(super) fn new(chunk: Arc<Chunk<C>>, index: usize) -> Self {
        Self { chunk, index }
    }
}

impl<C: Channel> Received<C> {
    /// The event's envelope, if the receiver has asked for
    /// [`envelopes`](crate::ReceiverOptions): the envelope that listeners get. Otherwise it may be
    /// `None`. It is an associated function, so that it hides no method of the event.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub, Received, ReceiverOptions};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let options = ReceiverOptions::builder().envelopes(true).build();
    /// let mut ticks = hub.receiver_with::<Custom<Ticks>>(options);
    /// hub.publish::<Custom<Ticks>>(7);
    /// let tick = ticks.recv()?;
    /// if let Some(envelope) = Received::envelope(&tick) {
    ///     println!("{} from {}", envelope.sequence(), envelope.source()); // "0 from …"
    /// }
    /// # Ok::<(), typed_hub::RecvError>(())
    /// ```
    pub fn envelope(this: &Self) -> Option<&Envelope<C>> {
        let envelope = &this.chunk.events[this.index];
        envelope.is_complete().then_some(envelope)
    }
}

impl<C: Channel> Deref for Received<C> {
    type Target = C::Event;

    fn deref(&self) -> &C::Event {
        self.chunk.events[self.index].payload()
    }
}

impl<C: Channel> Clone for Received<C> {
    fn clone(&self) -> Self {
        Self {
            chunk: Arc::clone(&self.chunk),
            index: self.index,
        }
    }
}

/// Shows the event.
impl<C: Channel<Event: fmt::Debug>> fmt::Debug for Received<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
