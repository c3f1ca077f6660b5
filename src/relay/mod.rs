#![doc = include_str!("../../docs/relay.md")]

// The rooms, from the ground up: `name` checks subjects, `origin` is who sent an event, `cloud_event` a
// message. `status` is the relay's own channel, `remote` the channels of other processes, `sequence`
// tells gaps and duplicates, `report` counts, `broker` is the seam. `memory` and `nats` are brokers, `export` and `import`
// the tasks of a `relay` beside `watch`, which share `task`, and `conformance` checks a broker.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
compile_error!(
    "the feature `relay` needs the tasks and the timers of tokio, which a page has not: reach other \
     processes through a server, as `examples/live` does"
);

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
mod report;
mod sequence;
mod status;
mod task;
mod watch;

/// The client that [`NatsBroker`] and [`JetStreamBroker`] go through, in the version that they take.
#[cfg(feature = "nats")]
pub use async_nats;
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
pub use report::{RelayChannelReport, RelayReport};
pub use status::{DropReason, RelayEvent, RelayKey, RelayStatus, Unreadable};
