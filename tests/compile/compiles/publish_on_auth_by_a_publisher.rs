use typed_hub::{Custom, CustomChannel, Hub};

enum Ticks {}

impl CustomChannel for Ticks {
    type Event = u64;
    const NAME: &'static str = "ticks";
}

pub fn main() {
    let ticks = Hub::new().publisher::<Custom<Ticks>>();
    let _ = ticks.try_publish(1);
}
