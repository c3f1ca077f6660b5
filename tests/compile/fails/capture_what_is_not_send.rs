use std::cell::Cell;
use std::rc::Rc;
use typed_hub::{Auth, Hub};

fn main() {
    let count = Rc::new(Cell::new(0));
    let guard = Hub::new().listen::<Auth>(move |_| count.set(count.get() + 1));
    drop(guard);
}
