use typed_hub::relay::{MemoryServer, Relay, RelayOptions};
use typed_hub::{Custom, CustomChannel, Hub};

enum Cart {}

#[derive(Debug)]
struct Added(u32);

impl CustomChannel for Cart {
    type Event = Added;
    const NAME: &'static str = "cart";
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let hub = Hub::new();
    let options = RelayOptions::builder().prefix("shop").origin("a").build();
    let relay = Relay::connect(&hub, MemoryServer::new().connect(), options);
    let relay = relay.await.unwrap();
    relay.export::<Custom<Cart>>().unwrap();
}
