#![deny(unused_must_use)]

use typed_hub::{Auth, Hub};

pub fn main() {
    let _receiver = Hub::new().receiver::<Auth>();
}
