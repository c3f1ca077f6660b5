use typed_hub::{Auth, AuthEvent, Channel, Hub, Protected};

/// A channel of one's own, which looks like the one of the auth category and is another.
enum Alike {}

impl Channel for Alike {
    type Event = AuthEvent;
    const NAME: &'static str = Auth::NAME;
}

impl Protected for Alike {
    type Key = ();
}

pub fn main() {
    Hub::new().publish_protected::<Alike>(&(), AuthEvent::SignedOut);
}
