use std::sync::{Arc, Mutex};
use typed_hub::{Auth, AuthEvent, Hub};

fn main() {
    let kept: Arc<Mutex<Vec<&'static AuthEvent>>> = Arc::default();
    let events = Arc::clone(&kept);
    let guard = Hub::new().listen::<Auth>(move |event: &AuthEvent| events.lock().unwrap().push(event));
    drop(guard);
}
