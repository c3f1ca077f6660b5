//! `once` is called once at most, and ends by itself.

use std::sync::Arc;

use crate::common::{Log, Numbers, Words, gate};
use typed_hub::Hub;

#[test]
fn once_is_called_with_the_first_event_only() {
    let hub = Hub::new();
    let (gate, keeper) = gate();
    let _held = hub.listen::<Words>(move |_| keeper.pass());
    hub.publish::<Words>("hold");
    gate.wait();
    let log = Log::new();
    let (numbers, capture) = (log.clone(), Arc::new(()));
    let captured = Arc::clone(&capture);
    let _guard = hub.once::<Numbers>(move |n| {
        drop(captured);
        numbers.push(*n);
    });
    (1..=3).for_each(|n| hub.publish::<Numbers>(n)); // all in one batch
    gate.open();
    hub.flush();
    hub.publish::<Numbers>(4);
    hub.flush();
    assert_eq!(log.take(), [1]);
    assert_eq!(Arc::strong_count(&capture), 1);
    let report = hub.inspect();
    let numbers = report.channels.iter().find(|c| c.name == "number").unwrap();
    assert!(numbers.listeners.is_empty(), "it has left by itself");
}

#[test]
fn once_that_panics_has_been_called_all_the_same() {
    let log = Log::new();
    let panics = log.clone();
    let hub = Hub::builder()
        .on_panic(move |p| panics.push(p.message().to_owned()))
        .build();
    let _guard = hub.once::<Numbers>(|n| panic!("{n}"));
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), ["1"]);
}

#[test]
fn once_that_was_dropped_is_never_called() {
    let hub = Hub::new();
    let log = Log::new();
    let numbers = log.clone();
    drop(hub.once::<Numbers>(move |n| numbers.push(*n)));
    hub.publish::<Numbers>(1);
    hub.flush();
    assert_eq!(log.len(), 0);
}
