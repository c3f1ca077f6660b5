//! The first program of the README.
//!
//! `cargo run --example cart`

use typed_hub::{Custom, CustomChannel, Hub};

enum Cart {} // a channel is a type …

impl CustomChannel for Cart {
    type Event = String; // … and so is its event
    const NAME: &'static str = "cart";
}

fn main() {
    let hub = Hub::new();
    let guard = hub.listen::<Custom<Cart>>(|sku| println!("added {sku}"));
    hub.publish::<Custom<Cart>>("1234".into());
    hub.flush(); // everything accepted so far has been delivered
    drop(guard); // stops listening
}
