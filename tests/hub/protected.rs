//! Promise 2, at run time: who has the key of a protected channel publishes on it, by every way.
//! What does not compile is in `tests/compile`.

use crate::common::Log;
use pollster::block_on;
use typed_hub::{Channel, Hub, Protected};

/// A channel with a key that only this module makes.
enum Sealed {}

struct Key(());

impl Channel for Sealed {
    type Event = u64;
    const NAME: &'static str = "sealed";
}

impl Protected for Sealed {
    type Key = Key;
}

#[test]
fn the_holder_of_the_key_publishes_by_every_way() {
    let hub = Hub::new();
    let log = Log::new();
    let (queued, inline) = (log.clone(), log.clone());
    let _queued = hub.listen::<Sealed>(move |n| queued.push(("queued", *n)));
    let _inline = hub.listen_inline::<Sealed>(move |n| inline.push(("inline", *n)));
    let key = Key(());
    hub.publish_protected::<Sealed>(&key, 1);
    hub.flush();
    hub.publisher::<Sealed>().publish_protected(&key, 2);
    hub.flush();
    block_on(hub.publish_async_protected::<Sealed>(&key, 3));
    hub.flush();
    hub.try_publish_protected::<Sealed>(&key, 4).unwrap();
    hub.flush();
    let publisher = hub.publisher::<Sealed>();
    publisher.try_publish_protected(&key, 5).unwrap();
    hub.flush();
    block_on(publisher.publish_async_protected(&key, 6));
    hub.flush();
    let mut told = log.take();
    told.sort_unstable();
    let of = |way| (1..=6).map(move |n| (way, n));
    assert!(told.into_iter().eq(of("inline").chain(of("queued"))));
}

#[test]
fn a_publisher_knows_its_hub() {
    let hub = Hub::new();
    let publisher = hub.publisher::<Sealed>();
    let log = Log::new();
    let numbers = log.clone();
    let _guard = publisher
        .hub()
        .listen_inline::<Sealed>(move |n| numbers.push(*n));
    hub.publish_protected::<Sealed>(&Key(()), 1);
    assert_eq!(log.take(), [1]);
}
