//! A shop to look at, and its page.
//!
//! `cargo run` in this folder, or `cargo run -- 8080` for a port of your own.

use std::error::Error;
use std::time::Duration;

use live::Live;
use serde::Serialize;
use tokio::time::sleep;
use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::{
    Auth, Custom, CustomChannel, Hub, Overflow, ReceiverOptions, RecvError, SubscriptionSet,
};

/// What happens to the cart.
enum Cart {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum CartEvent {
    ItemAdded { sku: &'static str, cents: u32 },
    CheckedOut,
}

impl CustomChannel for Cart {
    type Event = CartEvent;
    const NAME: &'static str = "cart";
    const RETAIN: usize = 4;
}

/// How long each step of a visit takes.
const STEP: Duration = Duration::from_millis(700);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1);
    let port = port.map_or(Ok(7357), |port| port.parse())?;
    let hub = Hub::new();
    let page = Live::of(&hub).shows::<Auth>().shows::<Custom<Cart>>();
    println!("http://{}", page.open(port).await?);

    let _listeners = listeners(&hub);
    tokio::spawn(statistics(hub.clone()));

    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(hub.clone(), pool)?;
    loop {
        visit(&hub, &client).await?;
    }
}

fn listeners(hub: &Hub) -> SubscriptionSet {
    let mut total = 0;
    SubscriptionSet::from_iter([
        hub.listener::<Auth>()
            .name("greeting")
            .listen(|event| println!("{}", event.kind())),
        hub.listener::<Custom<Cart>>()
            .name("till")
            .listen(move |event| match event {
                CartEvent::ItemAdded { cents, .. } => total += cents,
                CartEvent::CheckedOut => println!("{} cents", std::mem::take(&mut total)),
            }),
        hub.inline_listener::<Custom<Cart>>()
            .name("stock")
            .listen(|_| ()),
    ])
}

/// Reads so slowly that it loses events, as the page shows.
async fn statistics(hub: Hub) {
    let options = ReceiverOptions::builder()
        .name("statistics, too slow")
        .capacity(1)
        .overflow(Overflow::DropOldest)
        .build();
    let mut cart = hub.receiver_with::<Custom<Cart>>(options);
    while let Ok(_) | Err(RecvError::Lagged(_)) = cart.recv_async().await {
        sleep(5 * STEP).await;
    }
}

/// Ada signs in, buys two things, and leaves.
async fn visit(hub: &Hub, client: &AuthClient<MemoryProvider>) -> Result<(), Box<dyn Error>> {
    let _done = client.sign_in("ada", "correct horse").await?;
    sleep(STEP).await;
    let cart = hub.publisher::<Custom<Cart>>();
    for (sku, cents) in [("tea", 450), ("a pot for it", 2_900)] {
        cart.publish(CartEvent::ItemAdded { sku, cents });
        sleep(STEP).await;
    }
    client.refresh().await?;
    sleep(STEP).await;
    hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    sleep(STEP).await;
    client.sign_out(SignOutScope::ThisDevice).await?;
    sleep(STEP).await;
    Ok(())
}
