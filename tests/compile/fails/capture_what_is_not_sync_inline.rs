use std::cell::Cell;
use typed_hub::{Auth, Hub};

fn main() {
    let count = Cell::new(0);
    let guard = Hub::new().listen_inline::<Auth>(move |_| count.set(count.get() + 1));
    drop(guard);
}
