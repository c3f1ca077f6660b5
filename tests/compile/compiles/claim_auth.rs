use typed_hub::auth::{AuthClient, MemoryProvider};
use typed_hub::Hub;

/// A client is what claims the channel.
fn claim(hub: &Hub) {
    let _claim = AuthClient::new(hub.clone(), MemoryProvider::new());
}

pub fn main() {
    claim(&Hub::new());
}
