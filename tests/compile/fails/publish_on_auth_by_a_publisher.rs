use typed_hub::{Auth, AuthEvent, Hub};

fn main() {
    let auth = Hub::new().publisher::<Auth>();
    let _ = auth.try_publish(AuthEvent::SignedOut);
}
