use std::sync::atomic::{AtomicU64, Ordering};
use typed_hub::{Auth, Hub};

pub fn main() {
    let count = AtomicU64::new(0);
    let guard = Hub::new().listen_inline::<Auth>(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    drop(guard);
}
