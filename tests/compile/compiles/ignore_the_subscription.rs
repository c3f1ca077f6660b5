#![deny(unused_must_use)]

use typed_hub::{Auth, Hub};

pub fn main() {
    let _guard = Hub::new().listen::<Auth>(|_| {});
    Hub::new().listen::<Auth>(|_| {}).detach();
}
