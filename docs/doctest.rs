// The channels of the documentation examples, which include this file in a hidden line.

pub enum Ticks {}

impl typed_hub::CustomChannel for Ticks {
    type Event = u64;
    const NAME: &'static str = "ticks";
}

pub enum Cart {}

pub enum CartEvent {
    ItemAdded { sku: String },
    CheckedOut,
}

impl typed_hub::CustomChannel for Cart {
    type Event = CartEvent;
    const NAME: &'static str = "cart";
}
