use typed_hub::{Auth, AuthEvent, Hub};

pub fn main() {
    let guard = Hub::new().listen::<Auth>(|event: &AuthEvent| println!("{}", event.kind()));
    drop(guard);
}
