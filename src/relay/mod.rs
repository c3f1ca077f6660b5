//! Channels between processes, through a broker.
//!
//! A hub is one process. A [`Relay`] carries some of its channels to other processes: it *exports* the
//! events that are published on its hub, and *imports* those of the other processes. A [`Broker`] moves
//! the messages: [`NatsBroker`] or [`JetStreamBroker`] with the feature `nats`, [`MemoryBroker`] within
//! one process, or one of your own.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use typed_hub::relay::{MemoryServer, Relay, RelayOptions};
//! use typed_hub::{Custom, CustomChannel, Hub};
//!
//! enum Cart {}
//!
//! #[derive(Serialize, Deserialize)]
//! enum CartEvent {
//!     CheckedOut { total: u32 },
//! }
//!
//! impl CustomChannel for Cart {
//!     type Event = CartEvent;
//!     const NAME: &'static str = "cart";
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two processes would have a hub and a relay each.
//! let server = MemoryServer::new();
//! let (shop, billing) = (Hub::new(), Hub::new());
//!
//! let options = RelayOptions::builder().prefix("shop").origin("checkout-7").build();
//! let exporter = Relay::connect(&shop, server.connect(), options).await?;
//! let options = RelayOptions::builder().prefix("shop").origin("billing-1").build();
//! let importer = Relay::connect(&billing, server.connect(), options).await?;
//!
//! importer.import::<Custom<Cart>>().await?;
//! exporter.export::<Custom<Cart>>().await?;
//!
//! let mut bills = billing.receiver::<Custom<Cart>>();
//! shop.publish::<Custom<Cart>>(CartEvent::CheckedOut { total: 30 });
//! let CartEvent::CheckedOut { total } = &*bills.recv_async().await?;
//! assert_eq!(*total, 30);
//! # exporter.close().await?;
//! # importer.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! | | at most once ([`NatsBroker`]) | at least once ([`JetStreamBroker`]) |
//! |---|---|---|
//! | order of one origin on one channel | kept | kept |
//! | order across origins | none | that of the stream, the same for all importers |
//! | loss | possible; told as [`RelayEvent::Lagged`] with the number | none once the stream has the event, within the stream's limits |
//! | an event twice | no | not within one run of the importer |
//! | a process that was down | misses what was published meanwhile | gets it, in order, from where it was |
//!
//! - **Typed on both sides.** To export an event it is [`Serialize`](serde::Serialize), to import it
//!   [`DeserializeOwned`](serde::de::DeserializeOwned). A message that cannot be read is told as
//!   [`RelayEvent::Unreadable`].
//! - **A protected channel can leave a process and not enter one.** [`import`](Relay::import) of such a
//!   channel does not compile: import [`Remote<C>`](Remote), on which only a relay publishes.
//! - **No loops.** An event that came in does not go out again, and an event of this process does not
//!   come back.
//! - **Bounded.** Events to export wait in a receiver with a capacity and an
//!   [`Overflow`](crate::Overflow), so that `publish` does not wait for a broker that is away, unless the
//!   options say so. Events that are dropped are told as [`RelayEvent::Dropped`].
//! - **Told.** What happens to the connection and to the events is published on [`RelayStatus`], a
//!   protected channel.
//!
//! A process that ends without [`Relay::close`] loses the events that the broker does not have yet.
//!
//! # The messages
//!
//! A message is a [`CloudEvent`]: its source is the origin, its type the name of the channel, its data the
//! event as JSON. Any client that reads or writes CloudEvents can take part.
//!
//! A broker is not trusted to carry only what a relay has sent: a message is bounded in size and in depth
//! (128 levels), and names are cleaned. Who may publish what is for the broker's own permissions.

// The rooms, from the ground up: `name` checks subjects, `origin` is who sent an event, `cloud_event` a
// message. `status` is the relay's own channel, `remote` the channels of other processes, `sequence`
// tells gaps and duplicates, `broker` is the seam. `memory` and `nats` are brokers, `export` and `import`
// the tasks of a `relay`, and `conformance` checks a broker.

mod broker;
mod cloud_event;
pub mod conformance;
mod error;
mod export;
mod import;
mod memory;
mod name;
#[cfg(feature = "nats")]
mod nats;
mod origin;
#[expect(
    clippy::module_inception,
    reason = "the file of `Relay` is named for it"
)]
mod relay;
mod remote;
mod sequence;
mod status;

pub use broker::{Broker, BrokerError, BrokerEvent, Deliveries, Delivery, Guarantee, PublishError};
pub use cloud_event::CloudEvent;
pub use error::{CloseError, ConnectError, ExportError, ImportError};
pub use memory::{MemoryBroker, MemoryDeliveries, MemoryServer};
pub use name::NameError;
#[cfg(feature = "nats")]
pub use nats::{JetStreamBroker, JetStreamDeliveries, NatsBroker, NatsDeliveries};
pub use origin::Origin;
pub use relay::{Relay, RelayOptions};
pub use remote::{Importable, Remote, RemoteEvent};
pub use status::{DropReason, RelayEvent, RelayKey, RelayStatus, Unreadable};
