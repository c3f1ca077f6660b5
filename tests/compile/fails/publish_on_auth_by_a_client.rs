use typed_hub::auth::{AuthClient, MemoryProvider};
use typed_hub::{AuthEvent, Hub};

fn main() {
    let client = AuthClient::new(Hub::new(), MemoryProvider::new()).unwrap();
    client.publish(AuthEvent::SignedOut);
    client.inner.edge.publish(AuthEvent::SignedOut);
}
