//! A listener of every channel: in order, exact, and ended by one guard.

use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use crate::common::{Log, Number, Numbers, Word, Words, gate, in_time, rounds};
use typed_hub::{AnyEnvelope, Custom, CustomChannel, Hub, Subscription};

fn shown(event: &AnyEnvelope<'_>) -> String {
    let number = event.downcast_ref::<Numbers>().map(u64::to_string);
    let word = event.downcast_ref::<Words>().map(ToString::to_string);
    format!(
        "{} {}",
        event.channel(),
        number.or(word).unwrap_or_default()
    )
}

#[test]
fn it_is_told_of_every_channel_in_the_order_of_acceptance() {
    let hub = Hub::new();
    hub.publish::<Numbers>(0);
    let log = Log::new();
    let told = log.clone();
    let guard = hub.listen_any(move |event| told.push(shown(event)));
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("a"); // a channel that was not there before
    hub.publish::<Numbers>(2);
    hub.publish::<Words>("b");
    hub.flush();
    assert_eq!(log.take(), ["number 1", "word a", "number 2", "word b"]);
    guard.close();
    hub.publish::<Numbers>(3);
    hub.publish::<Custom<Other>>(3);
    hub.flush();
    assert!(log.take().is_empty());
    assert!(!hub.has_listeners::<Words>());
    assert!(!hub.has_listeners::<Custom<Other>>());
}

/// Its events are those of `Number`, and so is its name.
enum Other {}

impl CustomChannel for Other {
    type Event = u64;
    const NAME: &'static str = "number";
}

#[test]
fn an_envelope_tells_where_its_event_comes_from() {
    let hub = Hub::new();
    let log = Log::new();
    let told = log.clone();
    let _guard = hub.listen_any(move |event| {
        let is = (
            event.downcast_ref::<Numbers>().is_some(),
            event.downcast_ref::<Custom<Other>>().is_some(),
        );
        told.push((
            is,
            event.type_name(),
            event.sequence(),
            event.source().line(),
        ));
        assert!(event.time().elapsed().is_ok());
    });
    let line = line!() + 1;
    hub.publish::<Numbers>(1);
    hub.publish::<Custom<Other>>(1);
    hub.flush();
    let told = log.take();
    assert_eq!(told[0].0, (true, false));
    assert_eq!(told[1].0, (false, true));
    assert!(told[0].1.contains("Number") && told[1].1.contains("Other"));
    assert!(told[0].2 < told[1].2);
    assert_eq!((told[0].3, told[1].3), (line, line + 1));
}

#[test]
fn a_channel_that_is_made_while_it_joins_is_told_of_once() {
    in_time(|| {
        for _ in 0..rounds(500) {
            let hub = Hub::new();
            let log = Log::new();
            let told = log.clone();
            let together = Barrier::new(2);
            let guard = thread::scope(|scope| {
                scope.spawn(|| {
                    together.wait();
                    hub.publish::<Numbers>(1);
                });
                together.wait();
                hub.listen_any(move |event| told.push(shown(event)))
            });
            hub.publish::<Numbers>(2);
            hub.publish::<Words>("a");
            hub.flush();
            let mut told = log.take();
            if told.first().is_some_and(|first| first == "number 1") {
                told.remove(0);
            }
            assert_eq!(told, ["number 2", "word a"]);
            drop(guard);
        }
    });
}

#[test]
fn it_may_end_itself_and_make_channels() {
    in_time(|| {
        let hub = Hub::new();
        let guard: Arc<Mutex<Option<Subscription>>> = Arc::default();
        let log = Log::new();
        let (own, weak, told) = (Arc::clone(&guard), hub.downgrade(), log.clone());
        *guard.lock().unwrap() = Some(hub.listen_any(move |event| {
            told.push(shown(event));
            if event.channel() == Number::NAME {
                weak.upgrade().unwrap().publish::<Words>("made");
            } else {
                drop(own.lock().unwrap().take());
            }
        }));
        hub.publish::<Numbers>(1);
        hub.flush();
        hub.publish::<Numbers>(2);
        hub.flush();
        assert_eq!(log.take(), ["number 1", &format!("{} made", Word::NAME)]);
    });
}

#[test]
fn its_panics_are_isolated_and_it_goes_on() {
    let panics = Log::new();
    let reported = panics.clone();
    let hub = Hub::builder()
        .on_panic(move |panic| reported.push(panic.to_string()))
        .build();
    let log = Log::new();
    let told = log.clone();
    let guard = hub.listen_any(move |event| {
        assert_ne!(event.downcast_ref::<Numbers>(), Some(&1), "not this one");
        told.push(shown(event));
    });
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("a");
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), ["word a", "number 2"]);
    let panics = panics.take();
    assert_eq!(panics.len(), 1);
    assert!(panics[0].contains(&guard.name()), "{panics:?}");
}

#[test]
fn close_waits_for_its_call_and_frees_what_it_captured() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let captured = Arc::new(());
        let held = Arc::clone(&captured);
        let guard = hub.listen_any(move |_| {
            keeper.pass();
            let _ = &held;
        });
        hub.publish::<Numbers>(1);
        gate.wait();
        let closer = thread::spawn(move || guard.close());
        thread::sleep(std::time::Duration::from_millis(20));
        assert!(!closer.is_finished());
        gate.open();
        closer.join().unwrap();
        hub.flush();
        assert_eq!(Arc::strong_count(&captured), 1);
    });
}

#[test]
fn a_detached_one_lives_as_long_as_the_hub_and_a_guard_may_live_longer() {
    let captured = Arc::new(());
    let hub = Hub::new();
    let log = Log::new();
    let (told, held) = (log.clone(), Arc::clone(&captured));
    hub.listen_any(move |event| {
        let _ = &held;
        told.push(shown(event));
    })
    .detach();
    let guard = hub.listen_any(|_| {});
    hub.publish::<Numbers>(1);
    drop(hub);
    assert_eq!(log.take(), ["number 1"]);
    assert_eq!(Arc::strong_count(&captured), 1);
    guard.close();
}
