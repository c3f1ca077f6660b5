use typed_hub::{Custom, CustomChannel, Hub};

struct Cart;

impl CustomChannel for Cart {
    type Event = ();
    const NAME: &'static str = "cart";
}

pub fn main() {
    drop(Hub::new().listen::<Custom<Cart>>(|_| {}));
}
