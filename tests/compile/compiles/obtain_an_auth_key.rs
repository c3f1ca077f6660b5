use typed_hub::Channel;
use typed_hub::auth::AuthKey;
use typed_hub::{Auth, Protected};

/// The key can be named, which takes nothing and gives nothing.
fn is_the_key_of_auth<C: Protected<Key = AuthKey>>() -> &'static str {
    C::NAME
}

pub fn main() {
    assert_eq!(is_the_key_of_auth::<Auth>(), Auth::NAME);
}
