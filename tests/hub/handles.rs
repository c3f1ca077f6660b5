//! What the handles of a hub, of listeners and of receivers tell of themselves, and what can be chosen
//! of a listener.

use std::collections::HashSet;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Log, Numbers, Words, in_time};
use typed_hub::InlineListenerBuilder;
use typed_hub::{
    Custom, CustomChannel, Envelope, Events, Hub, HubReport, Lagged, ListenerBuilder, Overflow,
    Publisher, Received, Receiver, ReceiverOptions, RecvTimeoutError, Replay, Subscription,
    SubscriptionSet, WeakHub, Worker,
};

enum Kept {}

impl CustomChannel for Kept {
    type Event = u64;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 2;
}

#[test]
#[expect(clippy::mutable_key_type, reason = "a hub is hashed by its identity")]
fn handles_of_one_hub_are_equal_and_those_of_two_are_not() {
    let (hub, other) = (Hub::new(), Hub::new());
    assert_eq!(hub, hub.clone());
    assert_ne!(hub, other);
    let hubs = HashSet::from([hub.clone(), hub, other]);
    assert_eq!(hubs.len(), 2);
}

#[test]
fn name_replay_and_envelope_combine() {
    let hub = Hub::new();
    (1..=3).for_each(|n| hub.publish::<Custom<Kept>>(n));
    let log = Log::new();
    let told = log.clone();
    let guard = hub
        .listener::<Custom<Kept>>()
        .envelope()
        .name("late")
        .replay(Replay::All)
        .listen(move |event| told.push((*event.payload(), event.sequence())));
    hub.publish::<Custom<Kept>>(4);
    hub.flush();
    let told = log.take();
    assert_eq!(told.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(
        told.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "{told:?}"
    );
    assert_eq!(guard.name(), "late");
    assert_eq!(hub.inspect().channels[0].listeners[0].name, "late");
}

#[test]
fn a_replayed_event_is_the_one_of_once() {
    let hub = Hub::new();
    hub.publish::<Custom<Kept>>(1);
    let log = Log::new();
    let (events, envelopes) = (log.clone(), log.clone());
    let listener = || hub.listener::<Custom<Kept>>().replay(Replay::Latest);
    let _event = listener().once(move |n| events.push(*n));
    let _envelope = listener()
        .envelope()
        .once(move |event| envelopes.push(*event.payload()));
    hub.publish::<Custom<Kept>>(2);
    hub.flush();
    assert_eq!(log.take(), [1, 1]);
}

#[test]
fn an_inline_listener_may_have_a_name() {
    let hub = Hub::new();
    let named = hub
        .inline_listener::<Numbers>()
        .name("meter")
        .listen(|_| {});
    let unnamed = hub.listen_inline::<Numbers>(|_| {});
    assert_eq!(named.name(), "meter");
    let here = concat!(file!(), ":", line!());
    let (file, line) = here.rsplit_once(':').unwrap();
    let line: u32 = line.parse().unwrap();
    assert_eq!(unnamed.name(), format!("{file}:{}", line - 2));
}

#[test]
fn a_set_of_guards_ends_all_of_them() {
    let hub = Hub::new();
    let log = Log::new();
    let listen = |name: &'static str| {
        let log = log.clone();
        hub.listen::<Numbers>(move |_| log.push(name))
    };
    let mut set: SubscriptionSet = [listen("a"), listen("b")].into_iter().collect();
    set.insert(listen("c"));
    set.extend([listen("d")]);
    assert_eq!((set.len(), set.is_empty()), (4, false));
    hub.publish::<Numbers>(1);
    hub.flush();
    assert_eq!(log.take(), ["a", "b", "c", "d"]);
    set.close();
    let kept: SubscriptionSet = [listen("e")].into_iter().collect();
    kept.detach();
    drop(SubscriptionSet::from_iter([listen("f")]));
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), ["e"]);
}

#[test]
fn a_lazy_producer_can_ask_who_listens() {
    let hub = Hub::new();
    assert!(!hub.has_listeners::<Numbers>());
    let listeners: [fn(&Hub) -> Subscription; 2] = [
        |hub| hub.listen::<Numbers>(|_| {}),
        |hub| hub.listen_inline::<Numbers>(|_| {}),
    ];
    for listen in listeners {
        let guard = listen(&hub);
        assert!(hub.has_listeners::<Numbers>());
        assert!(!hub.has_listeners::<Words>());
        drop(guard);
        assert!(!hub.has_listeners::<Numbers>());
    }
    let receiver = hub.receiver::<Numbers>();
    assert!(hub.has_listeners::<Numbers>());
    drop(receiver);
    assert!(!hub.has_listeners::<Numbers>());
}

#[test]
fn the_last_retained_event_can_be_looked_at() {
    let hub = Hub::new();
    let last = || hub.last::<Custom<Kept>>().map(|event| *event.payload());
    assert_eq!(last(), None);
    (1..=3).for_each(|n| hub.publish::<Custom<Kept>>(n));
    assert_eq!(last(), Some(3));
    assert!(
        hub.last::<Custom<Kept>>()
            .unwrap()
            .time()
            .elapsed()
            .unwrap()
            < Duration::from_secs(60)
    );
    hub.publish::<Numbers>(1);
    assert!(hub.last::<Numbers>().is_none(), "it retains nothing");
}

#[test]
fn a_receiver_tells_how_many_events_wait() {
    let hub = Hub::new();
    hub.publish::<Custom<Kept>>(1);
    let options = ReceiverOptions::builder().replay(Replay::All).build();
    let mut receiver = hub.receiver_with::<Custom<Kept>>(options);
    hub.publish::<Custom<Kept>>(2);
    hub.publish::<Custom<Kept>>(3);
    for left in (0..3).rev() {
        assert_eq!((receiver.len(), receiver.is_empty()), (left + 1, false));
        receiver.try_recv().unwrap();
    }
    assert_eq!((receiver.len(), receiver.is_empty()), (0, true));
}

#[test]
fn a_deadline_ends_a_wait() {
    in_time(|| {
        let hub = Hub::new();
        let mut receiver = hub.receiver::<Numbers>();
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(
            receiver.recv_deadline(soon).err(),
            Some(RecvTimeoutError::Timeout)
        );
        assert!(Instant::now() >= soon);
        hub.publish::<Numbers>(1);
        let past = soon;
        assert_eq!(
            receiver.recv_deadline(past).map(|n| *n),
            Ok(1),
            "it is there"
        );
        let publisher = hub.clone();
        let publisher = thread::spawn(move || publisher.publish::<Numbers>(2));
        let late = Instant::now() + Duration::from_secs(60);
        assert_eq!(receiver.recv_deadline(late).map(|n| *n), Ok(2));
        publisher.join().unwrap();
    });
}

#[test]
fn a_loop_over_a_lossy_receiver_goes_on_after_a_loss() {
    let hub = Hub::new();
    let options = ReceiverOptions::builder()
        .capacity(2)
        .overflow(Overflow::DropOldest)
        .build();
    let mut receiver = hub.receiver_with::<Numbers>(options);
    (1..=4).for_each(|n| hub.publish::<Numbers>(n));
    let mut told = Vec::new();
    for event in &mut receiver {
        told.push(event.map(|n| *n));
        if told.len() == 3 {
            break;
        }
    }
    assert_eq!(told, [Err(Lagged { missed: 2 }), Ok(3), Ok(4)]);
    drop(hub);
    assert!(receiver.into_iter().next().is_none());
}

#[cfg(feature = "stream")]
#[test]
fn a_stream_says_when_it_has_ended() {
    use futures_core::stream::FusedStream;

    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(1);
    drop(hub);
    assert!(!receiver.is_terminated());
    assert!(pollster::block_on(receiver.recv_async()).is_ok());
    assert!(!receiver.is_terminated());
    assert!(pollster::block_on(receiver.recv_async()).is_err());
    assert!(receiver.is_terminated());

    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    drop(hub);
    assert!(receiver.drain(|_| {}).is_err());
    assert!(receiver.is_terminated());
}

/// Which auto traits the public types have: a change of a private field must not change them unseen.
#[test]
fn auto_traits_stay_as_they_are() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn unpin<T: Unpin>() {}
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

    fn shared<T: Send + Sync + Unpin>() {
        send::<T>();
        sync::<T>();
        unpin::<T>();
    }

    shared::<Hub>();
    shared::<WeakHub>();
    shared::<HubReport>();
    shared::<Subscription>();
    shared::<SubscriptionSet>();
    shared::<Receiver<Numbers>>();
    shared::<Received<Numbers>>();
    shared::<Events<Numbers>>();
    shared::<Envelope<Numbers>>();
    shared::<ListenerBuilder<'static, Numbers>>();
    shared::<InlineListenerBuilder<'static, Numbers>>();
    send::<Publisher<Numbers>>();
    unpin::<Publisher<Numbers>>();
    send::<Worker>();
    unpin::<Worker>();
    unwind_safe::<HubReport>();
    unwind_safe::<Lagged>();
    unwind_safe::<RecvTimeoutError>();
}
