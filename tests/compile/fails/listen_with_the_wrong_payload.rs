use typed_hub::{Auth, Hub};

fn main() {
    let guard = Hub::new().listen::<Auth>(|event: &String| println!("{event}"));
    drop(guard);
}
