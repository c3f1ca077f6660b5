//! An event and its metadata.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::time::SystemTime;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::channel::Channel;

/// An event and its metadata: its place in the order, its time and its source. A listener asks for
/// it with [`ListenerBuilder::envelope`](crate::ListenerBuilder::envelope), a receiver with the
/// option `envelopes` of [`ReceiverOptions`](crate::ReceiverOptions).
///
/// [`payload`](Self::payload) is the event. An envelope does not deref to its event, because the
/// event may have methods of the same names.
///
/// ```
/// use typed_hub::{Custom, Envelope, Hub};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let hub = Hub::new();
/// let log = hub.listener::<Custom<Ticks>>().envelope().listen(|tick: &Envelope<Custom<Ticks>>| {
///     println!("{} {}: {} from {}", tick.channel(), tick.sequence(), tick.payload(), tick.source());
/// });
/// hub.publish::<Custom<Ticks>>(1); // prints "ticks 0: 1 from …"
/// # hub.flush();
/// # drop(log);
/// ```
pub struct Envelope<C: Channel> {
    payload: Payload<C::Event>,
    sequence: u64,
    time: Option<SystemTime>,
    source: Source,
}

impl<C: Channel> Envelope<C> {
    /// `time` is `None` when no listener can read it: asking the system for it costs as much as
    /// several deliveries.
    pub(crate) fn new(
        payload: Payload<C::Event>,
        source: Source,
        time: Option<SystemTime>,
    ) -> Self {
        Self {
            payload,
            sequence: 0,
            time,
            source,
        }
    }

    pub(crate) fn accepted(self, sequence: u64) -> Self {
        Self { sequence, ..self }
    }

    /// Whether it has been [accepted](Self::accepted) with its time.
    pub(crate) fn is_complete(&self) -> bool {
        self.time.is_some()
    }

    /// Whether its event is behind an `Arc`.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.payload, Payload::Shared(_))
    }

    /// This envelope with its event behind an `Arc`.
    pub(crate) fn shared(self) -> Self {
        let payload = Payload::Shared(self.payload.into_shared());
        Self { payload, ..self }
    }

    /// A second envelope of the same event; `None` when the event is not behind an `Arc`.
    pub(crate) fn again(&self) -> Option<Self> {
        let Payload::Shared(event) = &self.payload else {
            return None;
        };
        let payload = Payload::Shared(Arc::clone(event));
        Some(Self { payload, ..*self })
    }

    pub(crate) fn into_payload(self) -> Payload<C::Event> {
        self.payload
    }

    /// The event.
    pub fn payload(&self) -> &C::Event {
        &self.payload
    }

    /// The [`NAME`](Channel::NAME) of the event's channel.
    pub fn channel(&self) -> &'static str {
        C::NAME
    }

    /// The event's place in the order in which its hub accepted events, across channels: of two
    /// events the one accepted first has the smaller number. Numbers may be skipped.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the event was published, by the system's clock.
    #[expect(
        clippy::missing_panics_doc,
        reason = "an envelope has no time only while no listener can read it"
    )]
    pub fn time(&self) -> SystemTime {
        self.time
            .expect("an envelope that is handed out has its time")
    }

    /// The source line that published the event.
    pub fn source(&self) -> &'static Location<'static> {
        self.source
    }
}

/// Shows the event and its metadata.
impl<C: Channel<Event: fmt::Debug>> fmt::Debug for Envelope<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("channel", &C::NAME)
            .field("payload", self.payload())
            .field("sequence", &self.sequence)
            .field("time", &self.time)
            .field("source", &self.source.to_string())
            .finish()
    }
}

/// For front ends: the fields `channel`, `payload`, `source`, `sequence`, and `time` in milliseconds since
/// the Unix epoch. The source is the file, line and column that published the event; of the auth category it
/// is `Auth`, the word of front-end libraries, and no path.
impl<C: Channel<Event: Serialize>> Serialize for Envelope<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let since_epoch = self.time().duration_since(SystemTime::UNIX_EPOCH);
        let time = since_epoch.map_or(0, |time| time.as_millis());
        let mut envelope = serializer.serialize_struct("Envelope", 5)?;
        envelope.serialize_field("channel", C::NAME)?;
        envelope.serialize_field("payload", self.payload())?;
        match C::SOURCE {
            Some(source) => envelope.serialize_field("source", source)?,
            None => envelope.serialize_field("source", &self.source.to_string())?,
        }
        envelope.serialize_field("sequence", &self.sequence)?;
        envelope.serialize_field("time", &u64::try_from(time).unwrap_or(u64::MAX))?;
        envelope.end()
    }
}

/// An event of any channel, with its metadata: for [`Hub::listen_any`](crate::Hub::listen_any).
pub struct AnyEnvelope<'a> {
    channel: &'static str,
    /// Of the channel.
    type_id: TypeId,
    type_name: &'static str,
    payload: &'a dyn Any,
    sequence: u64,
    time: SystemTime,
    source: Source,
}

impl<'a> AnyEnvelope<'a> {
    pub(crate) fn new<C: Channel>(envelope: &'a Envelope<C>) -> Self {
        Self {
            channel: C::NAME,
            type_id: TypeId::of::<C>(),
            type_name: type_name::<C>(),
            payload: envelope.payload(),
            sequence: envelope.sequence(),
            time: envelope.time(),
            source: envelope.source(),
        }
    }

    /// The event, if it is one of channel `C`.
    pub fn downcast_ref<C: Channel>(&self) -> Option<&'a C::Event> {
        let is_of_channel = self.type_id == TypeId::of::<C>();
        is_of_channel.then(|| self.payload.downcast_ref()).flatten()
    }

    /// The [`NAME`](Channel::NAME) of its channel.
    pub fn channel(&self) -> &'static str {
        self.channel
    }

    /// The name of the channel's type: it tells two channels of one name apart.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Its number in the order in which its hub accepted events: see [`Envelope::sequence`].
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was published, on this system's clock.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// The line that published it.
    pub fn source(&self) -> &'static Location<'static> {
        self.source
    }
}

/// Without the event, whose type is not known.
impl fmt::Debug for AnyEnvelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyEnvelope")
            .field("channel", &self.channel)
            .field("type_name", &self.type_name)
            .field("sequence", &self.sequence)
            .field("time", &self.time)
            .field("source", &self.source.to_string())
            .finish_non_exhaustive()
    }
}

/// The source line that published an event.
pub(crate) type Source = &'static Location<'static>;

/// The event itself: in place while one owner has it (an `Arc` for each event costs twice the
/// delivery), behind an `Arc` when several kinds of listeners, or a listener and the retained
/// events, share it.
pub(crate) enum Payload<E> {
    Own(E),
    Shared(Arc<E>),
}

impl<E> Payload<E> {
    /// The event in an `Arc`, to be shared.
    pub(crate) fn into_shared(self) -> Arc<E> {
        match self {
            Self::Own(event) => Arc::new(event),
            Self::Shared(event) => event,
        }
    }

    /// The event, unless it is shared.
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
