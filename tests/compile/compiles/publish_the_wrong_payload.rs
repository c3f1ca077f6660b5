use typed_hub::{Custom, CustomChannel, Hub};

enum Ticks {}

impl CustomChannel for Ticks {
    type Event = u64;
    const NAME: &'static str = "ticks";
}

pub fn main() {
    Hub::new().publish::<Custom<Ticks>>(1);
}
