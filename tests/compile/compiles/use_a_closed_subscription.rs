use typed_hub::{Auth, Hub};

pub fn main() {
    let guard = Hub::new().listen::<Auth>(|_| {});
    guard.close();
}
