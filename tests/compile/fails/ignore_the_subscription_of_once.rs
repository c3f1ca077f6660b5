#![deny(unused_must_use)]

use typed_hub::{Auth, Hub};

fn main() {
    Hub::new().once::<Auth>(|_| {});
}
