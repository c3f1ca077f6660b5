//! What every broker has to do, as checks that run on any.
//!
//! A test of a [`Broker`] implements [`Testbed`] and calls [`check`]:
//!
//! ```
//! use typed_hub::relay::conformance::{Testbed, check};
//! use typed_hub::relay::{MemoryBroker, MemoryServer};
//!
//! struct Memory(MemoryServer);
//!
//! impl Testbed for Memory {
//!     type Broker = MemoryBroker;
//!
//!     async fn connect(&self) -> MemoryBroker {
//!         self.0.connect()
//!     }
//!
//!     async fn stop(&self) {
//!         self.0.stop();
//!     }
//!
//!     async fn start(&self) {
//!         self.0.start();
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! check(&Memory(MemoryServer::new())).await;
//! check(&Memory(MemoryServer::durable())).await;
//! # }
//! ```

mod checks;
mod process;

use std::future::Future;

use super::broker::Broker;

/// A server, and connections to it, for [`check`].
pub trait Testbed: Sync {
    /// The broker to check.
    type Broker: Broker;

    /// The largest message that the server takes, in bytes: 1 MiB unless said otherwise.
    fn max_bytes(&self) -> usize {
        1 << 20
    }

    /// Makes a connection, as a process of its own would.
    fn connect(&self) -> impl Future<Output = Self::Broker> + Send;

    /// Takes the server away, with what it has stored: connections break.
    fn stop(&self) -> impl Future<Output = ()> + Send;

    /// Brings the server back.
    fn start(&self) -> impl Future<Output = ()> + Send;
}

/// Checks a broker: the order of an origin, many publishers and many importers, events that do not come
/// back, gaps, messages sent again or handed out twice, messages that cannot be read, messages that are too
/// large, a server that goes away and comes back, a process that was away, subscriptions that resume,
/// closing, and many events.
///
/// It takes some seconds, and runs on a tokio runtime with its time enabled. The subjects that it uses
/// begin with `conformance`.
///
/// # Panics
///
/// When the broker does not do what [`Broker`] asks for. The message says what.
pub async fn check<T: Testbed>(testbed: &T) {
    Box::pin(checks::order_and_crowd(testbed)).await;
    Box::pin(checks::nothing_comes_back(testbed)).await;
    Box::pin(checks::gaps_and_repetitions(testbed)).await;
    Box::pin(checks::no_message_comes_twice(testbed)).await;
    Box::pin(checks::unreadable_messages(testbed)).await;
    Box::pin(checks::too_large(testbed)).await;
    Box::pin(checks::the_connection_is_told(testbed)).await;
    Box::pin(checks::the_server_goes_away(testbed)).await;
    Box::pin(checks::a_process_was_away(testbed)).await;
    Box::pin(checks::each_subscription_resumes(testbed)).await;
    Box::pin(checks::closing_sends_all(testbed)).await;
    Box::pin(checks::stress(testbed)).await;
}
