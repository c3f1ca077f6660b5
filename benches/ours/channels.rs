//! Channels of the hub: one for each kind of payload, and a thousand.

use std::marker::PhantomData;

use typed_hub::{Custom, CustomChannel, Hub};

use crate::harness::event::{Event, Payload};

/// A channel of payloads.
pub(crate) struct Plain<P>(PhantomData<P>);

impl<P: Payload> CustomChannel for Plain<P> {
    type Event = P;
    const NAME: &'static str = "plain";
}

pub(crate) type Events = Custom<Plain<Event>>;

/// A channel that keeps sixteen events for those who come late.
pub(crate) enum Past {}

impl CustomChannel for Past {
    type Event = Event;
    const NAME: &'static str = "past";
    const RETAIN: usize = 16;
}

/// One of many channels, by the digits of its number.
pub(crate) enum Numbered<const A: u8, const B: u8, const C: u8> {}

impl<const A: u8, const B: u8, const C: u8> CustomChannel for Numbered<A, B, C> {
    type Event = Event;
    const NAME: &'static str = "numbered";
}

/// Runs something with each digit as a constant.
#[macro_export]
macro_rules! for_each_digit {
    ($digit:ident => $what:expr) => {{
        $crate::for_each_digit!($digit => $what; 0 1 2 3 4 5 6 7 8 9);
    }};
    ($digit:ident => $what:expr; $($value:literal)*) => {
        $({ const $digit: u8 = $value; $what; })*
    };
}

/// Makes ten times so many channels, a hundred at most, at which nobody listens.
pub(crate) fn open<const A: u8>(hub: &Hub, tens: usize) {
    let mut left = tens;
    for_each_digit!(B => if left > 0 {
        open_ten::<A, B>(hub);
        left -= 1;
    });
}

fn open_ten<const A: u8, const B: u8>(hub: &Hub) {
    for_each_digit!(C => drop(hub.publisher::<Custom<Numbered<A, B, C>>>()));
}
