use typed_hub::{Auth, Hub};

fn main() {
    let guard = Hub::new().listen::<Auth>(|_| {});
    guard.close();
    guard.detach();
}
