use typed_hub::auth::AuthKey;
use typed_hub::{Auth, AuthEvent, Hub};

fn main() {
    let key = AuthKey(());
    Hub::new().publish_protected::<Auth>(&key, AuthEvent::SignedOut);
}
