use typed_hub::{Custom, CustomChannel, Hub};

enum Ticks {}

impl CustomChannel for Ticks {
    type Event = u64;
    const NAME: &'static str = "ticks";
}

fn main() {
    let hub = Hub::new();
    let guard = hub.listener::<Custom<Ticks>>().envelope().listen(|tick| {
        let _ = tick.count_ones();
    });
    drop(guard);
}
