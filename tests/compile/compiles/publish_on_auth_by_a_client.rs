use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::Hub;

pub fn main() {
    let client = AuthClient::new(Hub::new(), MemoryProvider::new()).unwrap();
    let _publishes_when_it_is_polled = client.sign_out(SignOutScope::ThisDevice);
}
