use typed_hub::{Auth, AuthEvent, Hub, Protected};

impl Protected for Auth {
    type Key = ();
}

fn main() {
    Hub::new().publish_protected::<Auth>(&(), AuthEvent::SignedOut);
}
