use std::sync::{Arc, Mutex};
use typed_hub::{Auth, AuthEvent, Hub};

pub fn main() {
    let kept: Arc<Mutex<Vec<AuthEvent>>> = Arc::default();
    let events = Arc::clone(&kept);
    let guard = Hub::new().listen::<Auth>(move |event: &AuthEvent| events.lock().unwrap().push(event.clone()));
    drop(guard);
}
