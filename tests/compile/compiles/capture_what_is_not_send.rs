use std::cell::Cell;
use typed_hub::{Auth, Hub};

pub fn main() {
    let count = Cell::new(0); // `Send`, though not `Sync`: a queued callback runs on one thread
    let guard = Hub::new().listen::<Auth>(move |_| count.set(count.get() + 1));
    drop(guard);
}
