use typed_hub::auth::AuthKey;
use typed_hub::{Auth, Hub};

/// Even for code that had a key.
fn claim(hub: &Hub, key: &AuthKey) {
    let _claim = hub.claim::<Auth>(key);
}

fn main() {}
