//! The brokers in memory do what a broker has to, and one that does not is found out.

use tokio::task::JoinSet;
use typed_hub::relay::conformance::{Testbed, check};
use typed_hub::relay::{
    Broker, BrokerError, BrokerEvent, CloudEvent, Deliveries, Delivery, Guarantee, MemoryBroker,
    MemoryDeliveries, MemoryServer, PublishError,
};

struct Memory(MemoryServer);

impl Testbed for Memory {
    type Broker = MemoryBroker;

    async fn connect(&self) -> MemoryBroker {
        self.0.connect()
    }

    async fn stop(&self) {
        self.0.stop();
    }

    async fn start(&self) {
        self.0.start();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_once() {
    check(&Memory(MemoryServer::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_least_once() {
    check(&Memory(MemoryServer::durable())).await;
}

/// What a broker does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Every tenth message is not delivered.
    Loses,
    /// Every tenth message is delivered twice.
    Repeats,
    /// Every tenth message is delivered after the one behind it.
    Reorders,
    /// A position is not stored.
    Forgets,
    /// What has been handed out is stored, and not what was marked.
    StoresTooMuch,
    /// All subscriptions of a process have one position.
    SharesPositions,
    /// A message that is too large is lost, and not refused.
    SwallowsTooLarge,
}

struct Faulty {
    server: MemoryServer,
    fault: Fault,
}

struct FaultyBroker {
    broker: MemoryBroker,
    fault: Fault,
}

struct FaultyDeliveries {
    deliveries: MemoryDeliveries,
    fault: Fault,
    count: u32,
    held: Option<Delivery>,
}

impl Testbed for Faulty {
    type Broker = FaultyBroker;

    async fn connect(&self) -> FaultyBroker {
        FaultyBroker {
            broker: self.server.connect(),
            fault: self.fault,
        }
    }

    async fn stop(&self) {
        self.server.stop();
    }

    async fn start(&self) {
        self.server.start();
    }
}

impl Broker for FaultyBroker {
    type Deliveries = FaultyDeliveries;

    fn guarantee(&self) -> Guarantee {
        self.broker.guarantee()
    }

    async fn open(&self, prefix: &str, origin: &str) -> Result<(), BrokerError> {
        self.broker.open(prefix, origin).await
    }

    async fn publish(&self, subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        match self.broker.publish(subject, event).await {
            Err(PublishError::TooLarge) if self.fault == Fault::SwallowsTooLarge => Ok(()),
            published => published,
        }
    }

    async fn subscribe(&self, subject: &str, name: &str) -> Result<FaultyDeliveries, BrokerError> {
        let name = if self.fault == Fault::SharesPositions {
            ""
        } else {
            name
        };
        Ok(FaultyDeliveries {
            deliveries: self.broker.subscribe(subject, name).await?,
            fault: self.fault,
            count: 0,
            held: None,
        })
    }

    async fn flush(&self) -> Result<(), BrokerError> {
        self.broker.flush().await
    }

    async fn next_event(&self) -> BrokerEvent {
        self.broker.next_event().await
    }
}

impl Deliveries for FaultyDeliveries {
    async fn next(&mut self) -> Option<Delivery> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        let delivery = self.deliveries.next().await?;
        self.count += 1;
        if self.count.is_multiple_of(10) {
            match self.fault {
                Fault::Loses => return self.deliveries.next().await,
                Fault::Repeats => self.held = Some(delivery.clone()),
                Fault::Reorders => {
                    self.held = Some(delivery);
                    return self.deliveries.next().await;
                }
                _ => {}
            }
        }
        Some(delivery)
    }

    fn mark(&mut self) {
        self.deliveries.mark();
    }

    async fn store(&mut self) -> bool {
        match self.fault {
            Fault::Forgets => true,
            Fault::StoresTooMuch => {
                self.deliveries.mark();
                self.deliveries.store().await
            }
            _ => self.deliveries.store().await,
        }
    }

    async fn close(self) {
        self.deliveries.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_keep_its_word_is_found_out() {
    let mut checks = JoinSet::new();
    let mut begin = |server, fault, found: &'static str| {
        let faulty = Faulty { server, fault };
        checks.spawn(async move {
            let checked = tokio::spawn(async move { check(&faulty).await }).await;
            let error = checked.expect_err("it is found out");
            let words = error.into_panic().downcast::<String>().unwrap();
            assert!(words.contains(found), "{fault:?}: {words}");
        });
    };
    let order = "each origin in order, each event once";
    for (fault, found) in [
        (Fault::Loses, order),
        (Fault::Repeats, "each message once"),
        (Fault::Reorders, order),
    ] {
        begin(MemoryServer::new(), fault, found);
    }
    for (fault, found) in [
        (Fault::Loses, order),
        (Fault::Reorders, order),
        (Fault::Forgets, "in order, each once"),
        (Fault::StoresTooMuch, "what is behind"),
        (Fault::SharesPositions, "each name"),
        (Fault::SwallowsTooLarge, "a large message is refused"),
    ] {
        begin(MemoryServer::durable(), fault, found);
    }
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}
