use typed_hub::auth::AuthKey;
use typed_hub::{Auth, AuthEvent, Hub};

fn publish(hub: &Hub, key: &AuthKey) {
    hub.publish_unbounded::<Auth>(key, AuthEvent::SignedOut);
}

fn main() {}
