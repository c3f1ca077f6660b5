#![deny(unused_must_use)]

use typed_hub::{Auth, Hub};

pub fn main() {
    let _first = Hub::new().once::<Auth>(|_| {});
    Hub::new().once::<Auth>(|_| {}).detach();
}
