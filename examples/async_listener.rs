//! An async handler for each event, in order, on tokio: a receiver is a stream.
//!
//! `cargo run --example async_listener --features stream`

use std::time::Duration;

use futures_util::StreamExt as _;
use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::{Auth, AuthEvent, Hub};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::new();
    let mut events = hub.receiver::<Auth>();
    let handler = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => handle(&event).await,
                Err(lagged) => eprintln!("{lagged}"),
            }
        }
    });

    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(hub, pool)?;
    let _no_challenge = client.sign_in("ada", "correct horse").await?;
    client.refresh().await?;
    client.sign_out(SignOutScope::ThisDevice).await?;

    drop(client); // the last handle of the hub: the stream ends behind the last event
    handler.await?;
    Ok(())
}

/// One event's handler has ended before the next one's begins.
async fn handle(event: &AuthEvent) {
    println!("{}: begins", event.kind());
    tokio::time::sleep(Duration::from_millis(10)).await;
    println!("{}: ends", event.kind());
}
