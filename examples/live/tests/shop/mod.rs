//! The hub that the tests look at.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use live::Live;
use serde::Serialize;
use typed_hub::{Custom, CustomChannel, Hub};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) enum Cart {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CartEvent {
    ItemAdded { sku: &'static str },
    CheckedOut,
}

impl CustomChannel for Cart {
    type Event = CartEvent;
    const NAME: &'static str = "cart";
}

/// A channel whose payloads the page is not to show.
pub(crate) enum Letters {}

impl CustomChannel for Letters {
    type Event = String;
    const NAME: &'static str = "letters";
}

pub(crate) async fn open(hub: &Hub) -> SocketAddr {
    let page = Live::of(hub).shows::<Custom<Cart>>().open(0).await;
    page.expect("there is a free port")
}

/// How many pages listen to the channel with the most of them, by the hub's own account.
fn pages(hub: &Hub) -> usize {
    let report = hub.inspect();
    let of_pages = report.channels.iter().map(|channel| {
        let listeners = channel.listeners.iter();
        let pages = listeners.filter(|listener| listener.registered.starts_with("src/lib.rs:"));
        pages.count()
    });
    of_pages.max().unwrap_or(0)
}

/// Waits until so many pages listen.
pub(crate) async fn listen(hub: &Hub, expected: usize) {
    let since = Instant::now();
    while pages(hub) != expected {
        let late = since.elapsed() > PATIENCE;
        assert!(!late, "{} pages listen, not {expected}", pages(hub));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
