use typed_hub::relay::{Remote, RemoteEvent};
use typed_hub::{Auth, AuthEvent, Hub};

pub fn main() {
    let hub = Hub::new();
    let guard = hub.listen::<Remote<Auth>>(|remote: &RemoteEvent<Auth>| {
        assert_ne!(remote.event, AuthEvent::SignedOut);
    });
    let forge = |event: RemoteEvent<Auth>| hub.publish::<Remote<Auth>>(event);
    drop((guard, forge));
}
