use typed_hub::relay::{MemoryServer, Relay, RelayOptions, Remote};
use typed_hub::{Auth, Hub};

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let hub = Hub::new();
    let options = RelayOptions::builder().prefix("shop").origin("a").build();
    let relay = Relay::connect(&hub, MemoryServer::new().connect(), options);
    let relay = relay.await.unwrap();
    relay.import::<Remote<Auth>>().await.unwrap();
    relay.export::<Auth>().unwrap();
}
