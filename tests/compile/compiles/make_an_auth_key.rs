use typed_hub::Hub;

/// A protected channel of one's own: the key can be made where its field can be named.
mod door {
    use typed_hub::{Channel, Protected};

    pub enum Door {}

    pub struct DoorKey(());

    impl Channel for Door {
        type Event = bool;
        const NAME: &'static str = "door";
    }

    impl Protected for Door {
        type Key = DoorKey;
    }

    pub fn key() -> DoorKey {
        DoorKey(())
    }
}

pub fn main() {
    Hub::new().publish_protected::<door::Door>(&door::key(), true);
}
