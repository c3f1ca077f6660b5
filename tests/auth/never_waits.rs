//! Promise 9: the auth category never waits for a listener. A receiver of `Auth` that is not read, and
//! a hub whose queue is full, stop no call of a client; what was published is there when it is read.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use crate::world::{CODE, LIFETIME, PASSWORD, World, describe, poll_once};
use typed_hub::auth::{
    Answer, AuthClient, Fault, ManualClock, MemoryProvider, MemoryStore, Operation, SignOutScope,
};
use typed_hub::{Auth, AuthEvent, Hub, Overflow, Receiver, ReceiverOptions};

/// The call ends when it is polled for the first time: it has not waited for anything.
#[track_caller]
fn at_once<T>(call: impl Future<Output = T>) -> T {
    match poll_once(pin!(call)) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the call waits"),
    }
}

/// A receiver that loses nothing, and has room for one event.
fn unread(hub: &Hub) -> Receiver<Auth> {
    let options = ReceiverOptions::builder().capacity(1).build();
    hub.receiver_with::<Auth>(options)
}

/// All that has come.
fn read(events: &mut Receiver<Auth>) -> Vec<String> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| describe(&event))
        .collect()
}

/// Signs in by password and with a code, refreshes with and without success, and signs out.
fn a_day(world: &World) {
    let _ = at_once(world.client.sign_in("ada", PASSWORD)).unwrap();
    for _ in 0..3 {
        assert!(at_once(world.client.refresh()).unwrap().is_some());
    }
    world.clock.advance(LIFETIME);
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    assert!(at_once(world.client.session()).is_err());
    world.pool.clear_fault(Operation::Refresh);
    world.clock.advance(LIFETIME);
    world.pool.fail(Operation::Refresh, Fault::NotAuthorized);
    assert_eq!(at_once(world.client.session()), Ok(None));
    world.pool.clear_fault(Operation::Refresh);
    let _ = at_once(world.client.sign_in("grace", PASSWORD)).unwrap();
    let _ = at_once(world.client.confirm_sign_in(Answer::Code(CODE.into()))).unwrap();
    assert!(at_once(world.client.current_user()).unwrap().is_some());
    at_once(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    let _ = at_once(world.client.sign_in("ada", PASSWORD)).unwrap();
    at_once(world.client.delete_user()).unwrap();
}

const TOLD: [&str; 10] = [
    "→signedIn",
    "→tokenRefresh",
    "→tokenRefresh",
    "→tokenRefresh",
    "→tokenRefresh_failure, kept",
    "→tokenRefresh_failure, ended",
    "→signedIn",
    "→signedOut",
    "→signedIn",
    "→signedOut",
];

#[test]
fn a_receiver_that_is_never_read_stops_no_call() {
    let world = World::new();
    let events = unread(&world.hub);
    a_day(&world);
    drop(events);
}

#[test]
fn a_receiver_that_is_read_later_has_every_event_in_order() {
    let world = World::new();
    let mut events = [unread(&world.hub), unread(&world.hub)];
    a_day(&world);
    for events in &mut events {
        assert_eq!(read(events), TOLD);
    }
    // Afterwards it is a receiver like any other.
    let _ = at_once(world.client.sign_in("grace", PASSWORD)).unwrap();
    let _ = at_once(world.client.confirm_sign_in(Answer::Code(CODE.into()))).unwrap();
    for events in &mut events {
        assert_eq!(read(events), ["→signedIn"]);
    }
}

#[test]
fn a_receiver_that_may_lose_events_loses_them_and_is_told() {
    let world = World::new();
    let options = ReceiverOptions::builder().capacity(2);
    let options = options.overflow(Overflow::DropOldest).build();
    let mut events = world.hub.receiver_with::<Auth>(options);
    a_day(&world);
    let lagged = events.try_recv().unwrap_err();
    assert!(lagged.to_string().starts_with("8 events"), "{lagged}");
    assert_eq!(read(&mut events), TOLD[8..]);
}

#[cfg(feature = "redirect")]
#[test]
fn a_receiver_that_is_never_read_stops_no_redirect() {
    use typed_hub::auth::redirect::RedirectOptions;

    const BACK: &str = "org.example.app://back";

    let world = World::new();
    let mut events = unread(&world.hub);
    let options = || {
        let options = RedirectOptions::builder().redirect_uri(BACK);
        options.custom_state("cart").build()
    };
    let page = at_once(world.client.sign_in_with_redirect(options())).unwrap();
    let callback = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    at_once(world.client.complete_redirect(&callback)).unwrap();
    at_once(world.client.sign_out(SignOutScope::Everywhere)).unwrap();
    let _ = at_once(world.client.sign_in_with_redirect(options())).unwrap();
    at_once(world.client.cancel_redirect()).unwrap();
    assert_eq!(
        read(&mut events),
        [
            "→customOAuthState",
            "→signInWithRedirect",
            "→signedIn",
            "→signedOut",
            "→signInWithRedirect_failure"
        ]
    );
}

/// The callback is stuck at the first event, and the queue has room for one more.
#[test]
fn a_full_queue_stops_no_call() {
    let hub = Hub::builder().capacity(1).build();
    let (open, gate) = mpsc::channel::<()>();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let seen = Arc::clone(&seen);
        hub.listen::<Auth>(move |event: &AuthEvent| {
            let _ = gate.recv();
            seen.lock().unwrap().push(describe(event));
        })
    };
    let pool = MemoryProvider::new();
    pool.add_user("ada", PASSWORD, []);
    let client = AuthClient::builder()
        .hub(hub.clone())
        .provider(pool)
        .store(MemoryStore::new())
        .clock(ManualClock::default())
        .build()
        .unwrap();
    let _ = at_once(client.sign_in("ada", PASSWORD)).unwrap();
    for _ in 0..20 {
        assert!(at_once(client.refresh()).unwrap().is_some());
    }
    at_once(client.sign_out(SignOutScope::ThisDevice)).unwrap();
    drop(open);
    hub.flush();
    drop(listener);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 22);
    assert_eq!((&*seen[0], &*seen[21]), ("→signedIn", "→signedOut"));
    assert!(seen[1..21].iter().all(|event| event == "→tokenRefresh"));
}

/// The hub is full of the events of another channel, for which its publisher waits; the client does
/// not.
#[test]
fn a_publisher_that_waits_does_not_stop_the_client() {
    use typed_hub::{Custom, CustomChannel};

    enum Ticks {}

    impl CustomChannel for Ticks {
        type Event = u64;
        const NAME: &'static str = "ticks";
    }

    let hub = Hub::builder().capacity(1).build();
    let (open, gate) = mpsc::channel::<()>();
    let ticks = hub.listen::<Custom<Ticks>>(move |_| {
        let _ = gate.recv();
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let seen = Arc::clone(&seen);
        hub.listen::<Auth>(move |event: &AuthEvent| seen.lock().unwrap().push(describe(event)))
    };
    let publisher = {
        let hub = hub.clone();
        std::thread::spawn(move || (0..5).for_each(|tick| hub.publish::<Custom<Ticks>>(tick)))
    };
    while hub.inspect().queue.depth == 0 {
        std::thread::yield_now();
    }
    let pool = MemoryProvider::new();
    pool.add_user("ada", PASSWORD, []);
    let client = AuthClient::new(hub.clone(), pool).unwrap();
    let _ = at_once(client.sign_in("ada", PASSWORD)).unwrap();
    at_once(client.sign_out(SignOutScope::ThisDevice)).unwrap();
    drop(open);
    publisher.join().unwrap();
    hub.flush();
    assert_eq!(*seen.lock().unwrap(), ["→signedIn", "→signedOut"]);
    drop((ticks, listener));
}
