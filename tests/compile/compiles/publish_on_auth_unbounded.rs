use typed_hub::auth::AuthKey;
use typed_hub::{Auth, AuthEvent, Hub};

/// The holder of a key publishes; there is no way to come by one.
fn publish(hub: &Hub, key: &AuthKey) {
    hub.publish_protected::<Auth>(key, AuthEvent::SignedOut);
}

pub fn main() {
    let _: fn(&Hub, &AuthKey) = publish;
}
