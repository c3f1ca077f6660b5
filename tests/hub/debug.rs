//! What `{:?}` shows: what a thing is, which hub, channel or listener it belongs to and how it is
//! doing, and no event that is not `Debug` itself. It may be asked for anywhere: it waits for
//! nothing and runs no code of a user's.

use std::fmt::{self, Debug, Write as _};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Wake, Waker};

use crate::common::{Log, Numbers, PATIENCE, Words, in_time};
use typed_hub::{
    Custom, CustomChannel, Hub, Overflow, Publisher, Receiver, ReceiverOptions, Subscription,
    TryPublishError, WeakHub, Worker,
};

fn shown(thing: &impl Debug) -> String {
    format!("{thing:?}")
}

/// The number of a hub, which differs from one run of the tests to the next.
fn id(hub: &Hub) -> String {
    let shown = shown(hub);
    let id = shown.strip_prefix("Hub { id: ").expect("an id comes first");
    id.split(',').next().unwrap().to_owned()
}

#[test]
fn a_hub_says_how_full_it_is_and_what_dispatches_it() {
    let (hub, mut worker) = Hub::builder().capacity(8).build_with_worker();
    let id = id(&hub);
    let _listener = hub.listen::<Numbers>(|_| {});
    let _inline = hub.listen_inline::<Numbers>(|_| {});
    let _receiver = hub.receiver::<Words>();
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(
        shown(&hub),
        format!(
            "Hub {{ id: {id}, capacity: 8, waiting: 3, channels: 2, listeners: 3, dispatcher: worker }}"
        )
    );
    assert_eq!(
        shown(&worker),
        format!("Worker {{ hub: {id}, waiting: 3, .. }}")
    );
    worker.run_pending();
    assert_eq!(
        shown(&worker),
        format!("Worker {{ hub: {id}, waiting: 0, .. }}")
    );

    let hub = Hub::new();
    let hub_shown = shown(&hub);
    assert!(hub_shown.ends_with("channels: 0, listeners: 0, dispatcher: none }"));
    let listener = hub.listen::<Numbers>(|_| {});
    let hub_shown = shown(&hub);
    assert!(hub_shown.ends_with("channels: 1, listeners: 1, dispatcher: thread }"));
    drop(listener);
    let hub_shown = shown(&hub);
    assert!(hub_shown.ends_with("channels: 1, listeners: 0, dispatcher: thread }"));
}

#[test]
fn a_weak_handle_says_whether_its_hub_is_alive() {
    let hub = Hub::new();
    let (id, weak) = (id(&hub), hub.downgrade());
    assert_eq!(shown(&weak), format!("WeakHub {{ id: {id}, alive: true }}"));
    drop(hub);
    assert_eq!(
        shown(&weak),
        format!("WeakHub {{ id: {id}, alive: false }}")
    );
}

#[test]
fn a_publisher_says_its_channel_and_its_hub() {
    let hub = Hub::new();
    let id = id(&hub);
    assert_eq!(
        shown(&hub.publisher::<Numbers>()),
        format!(r#"Publisher {{ channel: "number", hub: {id} }}"#)
    );
}

#[test]
fn a_receiver_says_its_name_and_how_much_waits_for_it() {
    let hub = Hub::new();
    let options = ReceiverOptions::builder()
        .name("latest")
        .capacity(2)
        .overflow(Overflow::DropOldest)
        .build();
    let mut receiver = hub.receiver_with::<Numbers>(options);
    let shown_with = |waiting: usize| {
        format!(
            r#"Receiver {{ channel: "number", name: "latest", capacity: 2, overflow: DropOldest, waiting: {waiting}, .. }}"#
        )
    };
    assert_eq!(shown(&receiver), shown_with(0));
    (0..5).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(shown(&receiver), shown_with(2), "no more than its capacity");
    assert!(receiver.recv().is_err(), "three are lost");
    assert_eq!(
        shown(&receiver),
        shown_with(2),
        "taken, and not received yet"
    );
    hub.publish::<Numbers>(5);
    assert_eq!(shown(&receiver), shown_with(3), "one besides those");
    assert_eq!(shown(&receiver.recv().unwrap()), "3");
    assert_eq!(shown(&receiver), shown_with(2));
    drop(hub);
    assert_eq!(shown(&receiver), shown_with(2));

    let (receiver, line) = (Hub::new().receiver::<Numbers>(), line!());
    let events = receiver.into_iter();
    assert_eq!(
        shown(&events),
        format!(
            r#"Events {{ receiver: Receiver {{ channel: "number", name: "{}:{line}", capacity: 1024, overflow: Block, waiting: 0, .. }} }}"#,
            file!()
        )
    );
}

#[test]
fn a_subscription_says_its_listener_and_whether_that_still_listens() {
    let hub = Hub::new();
    let queued = hub.listener::<Numbers>().name("log").listen(|_| {});
    let (inline, line) = (hub.listen_inline::<Words>(|_| {}), line!());
    let once = hub.once::<Numbers>(|_| {});
    let queued_shown = |listening: bool| {
        format!(
            r#"Subscription {{ listener: "log", channel: "number", kind: queued, listening: {listening} }}"#
        )
    };
    let inline_shown = |listening: bool| {
        format!(
            r#"Subscription {{ listener: "{}:{line}", channel: "word", kind: inline, listening: {listening} }}"#,
            file!()
        )
    };
    assert_eq!(shown(&queued), queued_shown(true));
    assert_eq!(shown(&inline), inline_shown(true));
    assert!(shown(&once).ends_with("listening: true }"));
    let every_channel = shown(&hub.listen_any(|_| {}));
    assert!(
        every_channel.contains(r#"channel: "any", kind: queued"#),
        "{every_channel}"
    );
    hub.publish::<Numbers>(1);
    hub.flush();
    assert!(shown(&once).ends_with("listening: false }"), "it has ended");
    assert_eq!(shown(&queued), queued_shown(true));
    drop(hub);
    assert_eq!(shown(&queued), queued_shown(false));
    assert_eq!(shown(&inline), inline_shown(false));
}

#[test]
fn an_event_is_shown_by_what_is_made_to_show_it() {
    let hub = Hub::new();
    let log = Log::new();
    let entries = log.clone();
    let _guard = hub
        .listener::<Numbers>()
        .envelope()
        .listen(move |number| entries.push(shown(number)));
    let mut receiver = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(7);
    hub.flush();
    let envelope = log.take().remove(0);
    assert!(
        envelope.starts_with(r#"Envelope { channel: "number", payload: 7, sequence: 0"#),
        "{envelope}"
    );
    assert!(envelope.contains(file!()), "{envelope}");
    assert_eq!(shown(&receiver.recv().unwrap()), "7");
    assert_eq!(shown(&TryPublishError(7)), "TryPublishError { .. }");
}

/// An event that must be in no output.
struct Secret;

impl Debug for Secret {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("an event was printed");
    }
}

enum Secrets {}

impl CustomChannel for Secrets {
    type Event = Secret;
    const NAME: &'static str = "secrets";
    const RETAIN: usize = 4;
}

/// One of each handle, on a hub whose every part is in use.
struct Handles {
    hub: WeakHub,
    publisher: Mutex<Publisher<Numbers>>,
    secrets: Mutex<Receiver<Custom<Secrets>>>,
    subscriptions: [Subscription; 3],
    worker: Mutex<Worker>,
}

impl Handles {
    fn of(hub: &Hub) -> Self {
        let (other, worker) = Hub::builder().build_with_worker();
        other.publish::<Numbers>(1);
        Self {
            hub: hub.downgrade(),
            publisher: Mutex::new(hub.publisher()),
            secrets: Mutex::new(hub.receiver()),
            subscriptions: [
                hub.listen::<Custom<Secrets>>(|_| {}),
                hub.listen_inline::<Custom<Secrets>>(|_| {}),
                hub.once::<Words>(|_| {}),
            ],
            worker: Mutex::new(worker),
        }
    }

    fn show(&self) {
        let Self {
            hub,
            publisher,
            secrets,
            subscriptions,
            worker,
        } = self;
        let strong = hub.upgrade();
        drop(format!("{strong:?} {hub:?} {subscriptions:?}"));
        drop(shown(&*worker.lock().unwrap()));
        drop(shown(&*publisher.lock().unwrap()));
        drop(shown(&*secrets.lock().unwrap()));
    }
}

/// Shows the handles when it is dropped, or woken.
struct Shows(Arc<OnceLock<Handles>>);

impl Shows {
    fn show(&self) {
        if let Some(handles) = self.0.get() {
            handles.show();
        }
    }
}

impl Drop for Shows {
    fn drop(&mut self) {
        self.show();
    }
}

impl Wake for Shows {
    fn wake(self: Arc<Self>) {
        self.show();
    }
}

enum Showing {}

impl CustomChannel for Showing {
    type Event = Shows;
    const NAME: &'static str = "showing";
    const RETAIN: usize = 1;
}

#[test]
fn it_may_be_asked_for_wherever_code_of_a_user_runs() {
    in_time(|| {
        let handles = Arc::new(OnceLock::new());
        let shows = || Shows(Arc::clone(&handles));
        let in_handler = shows();
        let hub = Hub::builder().on_panic(move |_| in_handler.show()).build();
        assert!(handles.set(Handles::of(&hub)).is_ok());
        hub.publish::<Custom<Secrets>>(Secret);

        // In callbacks, in the drop of what they captured, in the handler of their panics.
        let (queued, inline, panicking) = (shows(), shows(), shows());
        let guards = [
            hub.listen::<Numbers>(move |_| queued.show()),
            hub.listen_inline::<Numbers>(move |_| inline.show()),
            hub.listen::<Numbers>(move |_| {
                let _captured = &panicking;
                panic!("to be shown");
            }),
        ];
        // In a waker.
        let mut receiver = hub.receiver::<Numbers>();
        let waker = Waker::from(Arc::new(shows()));
        let mut task = Context::from_waker(&waker);
        assert!(pin!(receiver.recv_async()).poll(&mut task).is_pending());
        hub.publish::<Numbers>(1);
        hub.flush();
        guards.into_iter().for_each(Subscription::close);

        // In the drop of an event: by the dispatcher, by a receiver, by what retains it.
        let guard = hub.listen::<Custom<Showing>>(|_| {});
        let shown = hub.receiver::<Custom<Showing>>();
        (0..3).for_each(|_| hub.publish::<Custom<Showing>>(shows()));
        hub.flush();
        drop((guard, shown));

        // In a predicate, and in what looks at drained events.
        let in_predicate = shows();
        std::thread::scope(|scope| {
            let (publisher, (stop, stopped)) = (hub.clone(), std::sync::mpsc::channel::<()>());
            scope.spawn(move || {
                while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    publisher.publish::<Words>("shown");
                }
            });
            let predicate = |_: &&str| {
                in_predicate.show();
                true
            };
            assert!(hub.wait_for::<Words>(predicate, PATIENCE).is_ok());
            drop(stop);
        });
        assert_eq!(receiver.drain(|_| in_predicate.show()), Ok(1));
    });
}

#[test]
fn what_it_is_written_to_may_use_the_hub() {
    /// Uses the hub at every piece of text.
    struct Busy(WeakHub);

    impl fmt::Write for Busy {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let Some(hub) = self.0.upgrade() else {
                return Ok(());
            };
            hub.publish::<Custom<Secrets>>(Secret);
            hub.publish::<Numbers>(1);
            drop(hub.receiver::<Custom<Secrets>>());
            drop(hub.listen_inline::<Numbers>(|_| {}));
            hub.inspect();
            Ok(())
        }
    }

    in_time(|| {
        let hub = Hub::new();
        let handles = Handles::of(&hub);
        let mut busy = Busy(hub.downgrade());
        let Handles {
            hub: weak,
            publisher,
            secrets,
            subscriptions,
            worker,
        } = &handles;
        let (publisher, secrets) = (publisher.lock().unwrap(), secrets.lock().unwrap());
        let worker = worker.lock().unwrap();
        write!(busy, "{hub:?} {weak:?} {subscriptions:?}").unwrap();
        write!(busy, "{publisher:?} {secrets:?} {worker:?}").unwrap();
    });
}
