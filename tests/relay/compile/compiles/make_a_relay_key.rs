use typed_hub::Hub;
use typed_hub::relay::{RelayEvent, RelayKey, RelayStatus};

pub fn main() {
    let publish = |hub: &Hub, key: &RelayKey| {
        hub.publish_protected::<RelayStatus>(key, RelayEvent::Connected);
    };
    let _ = publish;
}
