use typed_hub::{Custom, Hub};

struct Cart;

fn main() {
    drop(Hub::new().listen::<Cart>(|_| {}));
    drop(Hub::new().listen::<Custom<Cart>>(|_| {}));
}
