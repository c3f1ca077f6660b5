//! Two processes with a hub each: a shop, and the billing, which hears what is sold and who signs in.
//!
//! In one process, with a broker in memory:
//! `cargo run --features relay --example relay`
//!
//! As two processes, with a NATS server between them:
//! `cargo run --features nats --example relay -- nats://127.0.0.1:4222`

use std::error::Error;
use std::future::Future;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::relay::{Broker, MemoryServer, Relay, RelayOptions, RelayStatus, Remote};
use typed_hub::{Auth, Custom, CustomChannel, Hub};

/// What the shop publishes.
enum Cart {}

#[derive(Serialize, Deserialize)]
enum CartEvent {
    ItemAdded { sku: String },
    CheckedOut { total: u32 },
}

impl CustomChannel for Cart {
    type Event = CartEvent;
    const NAME: &'static str = "cart";
}

/// What the billing publishes: when it listens, and what it has billed.
enum Billing {}

#[derive(Serialize, Deserialize)]
enum BillingEvent {
    Ready,
    Billed { total: u32 },
}

impl CustomChannel for Billing {
    type Event = BillingEvent;
    const NAME: &'static str = "billing";
}

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &*arguments {
        [] => {
            let server = MemoryServer::new();
            shop(server.connect(), async || billing(server.connect()).await).await
        }
        #[cfg(feature = "nats")]
        [url] => with_nats::shop(url).await,
        #[cfg(feature = "nats")]
        [url, _role] => with_nats::billing(url).await,
        _ => Err("for a NATS server: cargo run --features nats --example relay -- URL".into()),
    }
}

/// The shop, which starts the billing when it is ready to hear of it.
async fn shop<F: Future<Output = Result<(), Failure>>>(
    broker: impl Broker,
    start_billing: impl FnOnce() -> F,
) -> Result<(), Failure> {
    let hub = Hub::new();
    let options = RelayOptions::builder().prefix("example").origin("shop");
    let relay = Relay::connect(&hub, broker, options.build()).await?;
    relay.export::<Custom<Cart>>()?;
    relay.export::<Auth>()?; // a protected channel can leave …
    let mut bills = hub.receiver::<Custom<Billing>>();
    relay.import::<Custom<Billing>>().await?;

    let sell = async {
        while !matches!(*bills.recv_async().await?, BillingEvent::Ready) {}
        let pool = MemoryProvider::new();
        pool.add_user("ada", "correct horse", []);
        let client = AuthClient::new(hub.clone(), pool)?;
        let _no_challenge = client.sign_in("ada", "correct horse").await?;
        hub.publish::<Custom<Cart>>(CartEvent::ItemAdded { sku: "1234".into() });
        hub.publish::<Custom<Cart>>(CartEvent::CheckedOut { total: 30 });
        if let BillingEvent::Billed { total } = &*bills.recv_async().await? {
            println!("shop: billed {total}");
        }
        client.sign_out(SignOutScope::ThisDevice).await?;
        Ok::<_, Failure>(())
    };
    tokio::try_join!(sell, start_billing())?;
    relay.close().await?;
    Ok(())
}

async fn billing(broker: impl Broker) -> Result<(), Failure> {
    let hub = Hub::new();
    let status = hub.listen::<RelayStatus>(|event| println!("billing: {event}"));
    let options = RelayOptions::builder().prefix("example").origin("billing");
    let relay = Relay::connect(&hub, broker, options.build()).await?;

    // First the listeners: what the broker has stored for a process arrives at once.
    let users = hub.listen::<Remote<Auth>>(|remote| {
        println!("billing: {} at {}", remote.event.kind(), remote.origin);
    });
    let mut cart = hub.receiver::<Custom<Cart>>();
    relay.import::<Custom<Cart>>().await?;
    relay.import::<Remote<Auth>>().await?; // … and does not enter `Auth`: `import::<Auth>` does not compile
    relay.export::<Custom<Billing>>()?;

    hub.publish::<Custom<Billing>>(BillingEvent::Ready);
    loop {
        match &*cart.recv_async().await? {
            CartEvent::ItemAdded { sku } => println!("billing: {sku} is in a cart"),
            CartEvent::CheckedOut { total } => {
                let total = *total;
                hub.publish::<Custom<Billing>>(BillingEvent::Billed { total });
                break;
            }
        }
    }
    relay.close().await?;
    hub.flush();
    drop((status, users));
    Ok(())
}

#[cfg(feature = "nats")]
mod with_nats {
    use std::process::Command;

    use typed_hub::relay::NatsBroker;
    use typed_hub::relay::async_nats::ConnectOptions;

    use super::Failure;

    /// The shop in this process, and the billing in another one: this program, started again.
    pub(crate) async fn shop(url: &str) -> Result<(), Failure> {
        let broker = NatsBroker::connect(url, ConnectOptions::new()).await?;
        let mut billing = Command::new(std::env::current_exe()?);
        billing.args([url, "billing"]);
        super::shop(broker, async || {
            let mut billing = billing.spawn()?;
            let ended = tokio::task::spawn_blocking(move || billing.wait()).await??;
            if ended.success() {
                Ok(())
            } else {
                Err("the billing failed".into())
            }
        })
        .await
    }

    pub(crate) async fn billing(url: &str) -> Result<(), Failure> {
        super::billing(NatsBroker::connect(url, ConnectOptions::new()).await?).await
    }
}
