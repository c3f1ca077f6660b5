use typed_hub::{Auth, AuthEvent, Hub};

fn main() {
    let hub = Hub::new();
    hub.publish::<Auth>(AuthEvent::SignedOut);
}
