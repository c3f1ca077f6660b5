use typed_hub::{Auth, AuthEvent, Custom, CustomChannel, Hub};

/// An application that wants to tell the rest of itself the same uses a channel of its own.
enum Session {}

impl CustomChannel for Session {
    type Event = AuthEvent;
    const NAME: &'static str = "session";
}

pub fn main() {
    let hub = Hub::new();
    let auth = hub.listen::<Auth>(|_| {});
    hub.publish::<Custom<Session>>(AuthEvent::SignedOut);
    drop(auth);
}
