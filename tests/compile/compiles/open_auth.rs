use typed_hub::{Channel, Open};

enum Mine {}

impl Channel for Mine {
    type Event = ();
    const NAME: &'static str = "mine";
}

impl Open for Mine {}

pub fn main() {
    typed_hub::Hub::new().publish::<Mine>(());
}
