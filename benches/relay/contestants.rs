//! Who takes part: how each publishes, and how each listens.

use std::sync::Arc;

use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, HeaderMap};
use futures_util::{Stream, StreamExt as _};
use typed_hub::relay::{Broker, JetStreamBroker, NatsBroker, Relay, RelayOptions};
use typed_hub::{Custom, Hub, Overflow, ReceiverOptions};

use crate::event::{Heard, Order, Orders};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Bare,
    WithHeaders,
    Relay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Core,
    Durable,
}

impl Contestant {
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::WithHeaders, Self::Relay];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::WithHeaders => "with headers",
            Self::Relay => "relay",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Each has a subject of its own, and in durable mode a stream of its own.
    fn prefix(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::WithHeaders => "headers",
            Self::Relay => "relay",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Bare => "bare.orders",
            Self::WithHeaders => "headers.orders",
            Self::Relay => "relay.orders",
        }
    }
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Durable => "durable",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Core, Self::Durable]
            .into_iter()
            .find(|one| one.name() == name)
    }
}

/// The side that publishes.
pub(crate) enum Publisher {
    Core(Client, Contestant),
    Durable(Context, Contestant),
    Relay(
        Hub,
        #[expect(dead_code, reason = "a guard")] Box<dyn Send + Sync>,
    ),
}

impl Publisher {
    pub(crate) async fn connect(contestant: Contestant, mode: Mode, url: &str) -> Self {
        if contestant == Contestant::Relay {
            let hub = Hub::new();
            let relay = match mode {
                Mode::Core => export(&hub, core(url).await).await,
                Mode::Durable => export(&hub, durable(url).await).await,
            };
            return Self::Relay(hub, relay);
        }
        let client = async_nats::connect(url).await.expect("the server is there");
        match mode {
            Mode::Core => Self::Core(client, contestant),
            Mode::Durable => Self::Durable(stream(client, contestant).await, contestant),
        }
    }

    pub(crate) async fn publish(&self, number: u64) {
        let order = Order::new(number);
        match self {
            Self::Relay(hub, _) => hub.publish_async::<Custom<Orders>>(order).await,
            Self::Core(client, contestant) => {
                let json = serde_json::to_vec(&order).unwrap();
                let subject = contestant.subject();
                let published = match contestant {
                    Contestant::WithHeaders => {
                        let headers = headers(number);
                        client
                            .publish_with_headers(subject, headers, json.into())
                            .await
                    }
                    _ => client.publish(subject, json.into()).await,
                };
                published.unwrap();
            }
            Self::Durable(context, contestant) => {
                let json = serde_json::to_vec(&order).unwrap();
                let subject = contestant.subject();
                let sent = match contestant {
                    Contestant::WithHeaders => {
                        let mut headers = headers(number);
                        headers.insert(
                            "Nats-Msg-Id",
                            format!("publisher:0123456789abcdef-{number}"),
                        );
                        context
                            .publish_with_headers(subject, headers, json.into())
                            .await
                    }
                    _ => context.publish(subject, json.into()).await,
                };
                sent.unwrap().await.unwrap();
            }
        }
    }
}

/// As many headers as the relay writes, of the same lengths.
fn headers(number: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", format!("0123456789abcdef-{number}"));
    headers.insert("ce-source", "publisher");
    headers.insert("ce-type", "orders");
    headers.insert("ce-time", "2026-11-01T12:00:00.000Z");
    headers.insert("content-type", "application/json");
    headers
}

/// Listens until the process ends.
pub(crate) async fn listen(contestant: Contestant, mode: Mode, url: &str, heard: Arc<Heard>) {
    if contestant == Contestant::Relay {
        let hub = Hub::new();
        // On the stack of the task that imports.
        hub.listen_inline::<Custom<Orders>>(move |order| heard.note(order))
            .detach();
        let relay = match mode {
            Mode::Core => import(&hub, core(url).await).await,
            Mode::Durable => import(&hub, durable(url).await).await,
        };
        tokio::spawn(async move {
            let _both = (hub, relay);
            std::future::pending::<()>().await;
        });
        return;
    }
    let client = async_nats::connect(url).await.expect("the server is there");
    match mode {
        Mode::Core => {
            let messages = client.subscribe(contestant.subject()).await.unwrap();
            client.flush().await.unwrap();
            tokio::spawn(note_all(messages, heard));
        }
        Mode::Durable => {
            let context = stream(client, contestant).await;
            let stream = context.get_stream(contestant.prefix()).await.unwrap();
            let consumer = stream.create_consumer(OrderedConfig::default()).await;
            let messages = consumer.unwrap().messages().await.unwrap();
            let messages = messages.map(|message| message.unwrap().message);
            tokio::spawn(note_all(messages, heard));
        }
    }
}

async fn note_all(messages: impl Stream<Item = async_nats::Message>, heard: Arc<Heard>) {
    let mut messages = std::pin::pin!(messages);
    while let Some(message) = messages.next().await {
        let order: Order = serde_json::from_slice(&message.payload).unwrap();
        heard.note(&order);
    }
}

/// JetStream, with a stream for the contestant.
async fn stream(client: Client, contestant: Contestant) -> Context {
    let context = jetstream::new(client);
    let config = Config {
        name: contestant.prefix().to_owned(),
        subjects: vec![format!("{}.>", contestant.prefix())],
        ..Config::default()
    };
    context.get_or_create_stream(config).await.unwrap();
    context
}

async fn core(url: &str) -> NatsBroker {
    let connected = NatsBroker::connect(url, ConnectOptions::new()).await;
    connected.expect("the server is there")
}

async fn durable(url: &str) -> JetStreamBroker {
    let connected = JetStreamBroker::connect(url, ConnectOptions::new()).await;
    connected.expect("the server is there")
}

/// With back-pressure, which the client has too: the publisher waits for room.
async fn export<B: Broker>(hub: &Hub, broker: B) -> Box<dyn Send + Sync> {
    let relay = relay(hub, broker, "publisher").await;
    let options = ReceiverOptions::builder().overflow(Overflow::Block);
    relay
        .export_with::<Custom<Orders>>(options.build())
        .unwrap();
    Box::new(relay)
}

async fn import<B: Broker>(hub: &Hub, broker: B) -> Box<dyn Send + Sync> {
    let relay = relay(hub, broker, "listener").await;
    relay.import::<Custom<Orders>>().await.unwrap();
    Box::new(relay)
}

async fn relay<B: Broker>(hub: &Hub, broker: B, origin: &str) -> Relay<B> {
    let options = RelayOptions::builder()
        .prefix(Contestant::Relay.prefix())
        .origin(origin);
    let relay = Relay::connect(hub, broker, options.build()).await;
    relay.expect("the server serves it")
}
