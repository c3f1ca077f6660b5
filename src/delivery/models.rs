//! Models of all synchronisation in this module, for the model checker: `RUSTFLAGS="--cfg loom"
//! cargo test --release --lib models`.
//!
//! Each explores every interleaving of its two or three threads, up to a bound on preemptions. The
//! ready signal of a receiver is a crossbeam channel, which the checker does not see; receivers are
//! modelled by their wakers, which take the same path.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use crate::channel::Channel;
use crate::delivery::history::{History, Replay};
use crate::delivery::inline::{InlineListeners, SnapshotCache};
use crate::delivery::listener::ListenerName;
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::queued::budget::Budget;
use crate::delivery::queued::dispatcher::Worker;
use crate::delivery::queued::queue::{self, Queue};
use crate::delivery::queued::queue_buffer::QueueBuffer;
use crate::delivery::queued::{NewListener, QueuedListeners};
use crate::delivery::receiver::NewReceiver;
use crate::delivery::receiver::log::{Empty, Log, Overflow, Segment};
use crate::delivery::room::Limit;
use crate::delivery::shared::HubShared;
use crate::delivery::shared::kinds::{ActiveKinds, KindSet};
use crate::envelope::{Envelope, Payload, Source};

enum Numbers {}

impl Channel for Numbers {
    type Event = u64;
    const NAME: &'static str = "numbers";
    const RETAIN: usize = 4;
}

/// Checks every interleaving with at most two preemptions, which show most mistakes.
fn model(threads: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(threads);
}

struct Fixture {
    shared: Arc<HubShared>,
    kinds: Arc<ActiveKinds>,
    queue: Arc<Queue>,
    queued: Arc<QueuedListeners<Numbers>>,
    inline: Arc<InlineListeners<Numbers>>,
}

fn fixture(capacity: usize) -> Fixture {
    // A panic of the handler itself would be isolated like every other.
    let shared = Arc::new(HubShared::new(Arc::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    })));
    let kinds = kinds(&shared);
    Fixture {
        queue: Arc::new(Queue::new(capacity, Arc::clone(&shared))),
        queued: Arc::new(QueuedListeners::new(Arc::clone(&kinds))),
        inline: Arc::new(InlineListeners::new(Arc::clone(&kinds))),
        kinds,
        shared,
    }
}

fn kinds(shared: &Arc<HubShared>) -> Arc<ActiveKinds> {
    Arc::new(ActiveKinds::new(Arc::clone(shared)))
}

#[track_caller]
fn here() -> Source {
    std::panic::Location::caller()
}

fn event(n: u64) -> Envelope<Numbers> {
    Envelope::new(Payload::Own(n), here(), None)
}

fn publish(inline: &InlineListeners<Numbers>, n: u64) {
    let snapshot = inline.uncached_snapshot();
    inline.count_uncached();
    inline.call_all(&snapshot, &n);
}

fn publish_at(inline: &InlineListeners<Numbers>, cache: &SnapshotCache<Numbers>, n: u64) {
    let Some(snapshot) = inline.counted_snapshot_in(cache) else {
        unreachable!("no other kind listens");
    };
    inline.call_all(&snapshot, &n);
}

impl Fixture {
    fn push(&self, n: u64) {
        while self.try_push(n).is_none() {
            self.queue.wait_for_room();
        }
    }

    fn try_push(&self, n: u64) -> Option<u64> {
        let queue = self.queue.lock();
        if !queue.is_consumed() {
            return Some(queue.number());
        }
        (!queue.is_full(Limit::Capacity)).then(|| {
            let (sequence, wake) = queue.push(&self.queued, event(n));
            self.queue.wake(wake);
            sequence
        })
    }

    fn listen(&self, mut callback: impl FnMut(u64) + Send + 'static) -> Subscription {
        self.listen_to(Vec::new(), move |event| callback(*event.payload()))
    }

    fn listen_to(
        &self,
        replay: Vec<Envelope<Numbers>>,
        callback: impl FnMut(&Envelope<Numbers>) + Send + 'static,
    ) -> Subscription {
        let listener = NewListener {
            name: ListenerName::new(None, here()),
            timed: false,
            once: false,
            callback: Box::new(callback),
        };
        self.queued.listen(&self.queue, listener, replay)
    }

    /// The dispatcher: delivers until the queue is closed and empty.
    fn dispatcher(&self) -> thread::JoinHandle<()> {
        let (queue, shared) = (Arc::clone(&self.queue), Arc::clone(&self.shared));
        thread::spawn(move || {
            let mut buffer = QueueBuffer::default();
            while queue.take(&mut buffer) == queue::Taken::Events {
                buffer.deliver(&shared);
            }
        })
    }
}

/// Notices a call that begins or goes on after its listener was closed. Both sides modify one
/// value, so that neither can see an old one.
#[derive(Clone)]
struct Watch(Arc<AtomicUsize>);

const RUNNING: usize = 1;
const CLOSED: usize = 2;

impl Watch {
    fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    fn call(&self) {
        let before = self.0.fetch_or(RUNNING, Ordering::Relaxed);
        assert_eq!(before & CLOSED, 0, "a call began after close");
        thread::yield_now();
        self.0.fetch_and(!RUNNING, Ordering::Relaxed);
    }

    fn closed(&self) {
        let before = self.0.fetch_or(CLOSED, Ordering::Relaxed);
        assert_eq!(before & RUNNING, 0, "a call was under way after close");
    }
}

#[test]
fn the_queue_delivers_everything_in_order_and_ends() {
    model(|| {
        let fixture = fixture(1);
        let sum = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sum);
        let _guard = fixture.listen(move |n| {
            let before = seen.fetch_add(1, Ordering::Relaxed);
            assert_eq!(before as u64, n);
        });
        let dispatcher = fixture.dispatcher();
        (0..3).for_each(|n| fixture.push(n));
        fixture.queue.close();
        dispatcher.join().unwrap();
        assert_eq!(sum.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn flush_returns_when_and_only_when_what_was_accepted_is_delivered() {
    model(|| {
        let fixture = fixture(4);
        let delivered = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&delivered);
        let _guard = fixture.listen(move |_| seen.store(true, Ordering::Relaxed));
        let dispatcher = fixture.dispatcher();
        fixture.push(0);
        fixture.shared.progress.wait_for(fixture.queue.end());
        assert!(delivered.load(Ordering::Relaxed));
        fixture.queue.close();
        dispatcher.join().unwrap();
    });
}

#[test]
fn a_task_that_flushes_is_woken_when_and_only_when_what_was_accepted_is_delivered() {
    model(|| {
        let fixture = fixture(4);
        let delivered = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&delivered);
        let _guard = fixture.listen(move |_| seen.store(true, Ordering::Relaxed));
        let dispatcher = fixture.dispatcher();
        fixture.push(0);
        let end = fixture.queue.end();
        let mut key = None;
        let progress = &fixture.shared.progress;
        Parker::block_on(poll_fn(|task| {
            let task = task.waker().clone();
            if progress.poll_delivered(end, &mut key, task) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        assert!(delivered.load(Ordering::Relaxed));
        fixture.queue.close();
        dispatcher.join().unwrap();
    });
}

#[test]
fn a_task_that_closes_a_queued_listener_is_woken_when_no_call_is_under_way() {
    model(|| {
        let fixture = fixture(4);
        let watch = Watch::new();
        let watched = watch.clone();
        let guard = fixture.listen(move |_| watched.call());
        let dispatcher = fixture.dispatcher();
        fixture.push(0);
        Parker::block_on(guard.close_async());
        watch.closed();
        fixture.queue.close();
        dispatcher.join().unwrap();
    });
}

#[test]
fn a_task_that_closes_an_inline_listener_is_woken_when_no_call_is_under_way() {
    model(|| {
        let fixture = fixture(4);
        let watch = Watch::new();
        let watched = watch.clone();
        let callback = move |_: &u64| watched.call();
        let guard = fixture
            .inline
            .listen(ListenerName::new(None, here()), callback);
        let inline = Arc::clone(&fixture.inline);
        let publisher = thread::spawn(move || publish(&inline, 0));
        Parker::block_on(guard.close_async());
        watch.closed();
        publisher.join().unwrap();
    });
}

#[test]
fn a_replay_lets_no_flush_return_too_early() {
    model(|| {
        let fixture = fixture(4);
        let delivered = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&delivered);
        let _guard = fixture.listen(move |_| seen.store(true, Ordering::Relaxed));
        fixture.push(0);
        let end = fixture.queue.end();
        let replay = event(7);
        let replay = replay.accepted(fixture.queue.lock().number());
        let _late = fixture.listen_to(vec![replay.shared()], |_| {});
        fixture
            .queue
            .wake(fixture.queue.request_replay(&fixture.queued));
        let dispatcher = fixture.dispatcher();
        fixture.shared.progress.wait_for(end);
        assert!(delivered.load(Ordering::Relaxed));
        fixture.queue.close();
        dispatcher.join().unwrap();
    });
}

#[test]
fn a_worker_that_goes_leaves_nobody_waiting() {
    model(|| {
        let fixture = Arc::new(fixture(1));
        let _guard = fixture.listen(|_| {});
        let publishing = Arc::clone(&fixture);
        let publisher = thread::spawn(move || {
            (0..2).for_each(|n| publishing.push(n));
            let end = publishing.queue.end();
            publishing.shared.progress.wait_for(end);
        });
        let (queue, shared) = (Arc::clone(&fixture.queue), Arc::clone(&fixture.shared));
        drop(Worker::new(queue, shared));
        publisher.join().unwrap();
    });
}

/// One thread publishes, another pumps when it is woken. A lost wake-up is a dead-lock.
fn pumped(pump: impl Fn(&Fixture, Worker, &AtomicUsize) + Sync + Send + 'static) {
    let pump = Arc::new(pump);
    model(move || {
        let fixture = Arc::new(fixture(4));
        let delivered = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&delivered);
        let _guard = fixture.listen(move |_| {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        let publishing = Arc::clone(&fixture);
        let publisher = thread::spawn(move || {
            (0..2).for_each(|n| publishing.push(n));
        });
        let (queue, shared) = (Arc::clone(&fixture.queue), Arc::clone(&fixture.shared));
        pump(&fixture, Worker::new(queue, shared), &delivered);
        assert_eq!(delivered.load(Ordering::Relaxed), 2);
        publisher.join().unwrap();
    });
}

#[test]
fn a_thread_that_pumps_is_woken_while_anything_waits() {
    pumped(|_, mut worker, delivered| {
        let parker = Parker::new();
        let woken = Arc::clone(&parker);
        worker.on_arrival(move || Arc::clone(&woken).wake());
        while delivered.load(Ordering::Relaxed) < 2 {
            parker.park();
            worker.deliver(Budget::events(1));
        }
    });
}

#[test]
fn a_thread_that_pumps_is_woken_once_for_everything_that_waits() {
    pumped(|_, mut worker, delivered| {
        let wakes = Arc::new(AtomicUsize::new(0));
        let woken = Arc::clone(&wakes);
        worker.on_arrival(move || {
            woken.fetch_add(1, Ordering::Relaxed);
        });
        let mut batches = 0;
        while delivered.load(Ordering::Relaxed) < 2 {
            batches += usize::from(worker.deliver(Budget::unbounded()) > 0);
            thread::yield_now();
        }
        assert!(wakes.load(Ordering::Relaxed) <= batches);
    });
}

#[test]
fn a_task_that_pumps_is_woken_while_anything_waits() {
    pumped(|_, mut worker, delivered| {
        Parker::block_on(async {
            while delivered.load(Ordering::Relaxed) < 2 {
                assert!(worker.arrived().await);
                worker.deliver(Budget::events(1));
            }
        });
    });
}

#[test]
fn a_task_that_pumps_is_woken_by_the_end() {
    model(|| {
        let fixture = fixture(4);
        let (queue, shared) = (Arc::clone(&fixture.queue), Arc::clone(&fixture.shared));
        let worker = Worker::new(queue, shared);
        let ending = thread::spawn(move || fixture.queue.close());
        Parker::block_on(async { assert!(!worker.arrived().await) });
        ending.join().unwrap();
    });
}

#[test]
fn a_replay_wakes_a_thread_that_pumps() {
    pumped(|fixture, mut worker, _| {
        let parker = Parker::new();
        let woken = Arc::clone(&parker);
        let _late = fixture.listen_to(vec![event(7).accepted(0)], |_| {});
        fixture
            .queue
            .wake(fixture.queue.request_replay(&fixture.queued));
        worker.on_arrival(move || Arc::clone(&woken).wake());
        let mut delivered = 0;
        while delivered < 3 {
            parker.park();
            delivered += worker.deliver(Budget::unbounded());
        }
    });
}

#[test]
fn after_close_of_a_queued_listener_no_call_is_under_way_and_none_begins() {
    model(|| {
        let fixture = fixture(4);
        let watch = Watch::new();
        let watched = watch.clone();
        let guard = fixture.listen(move |_| watched.call());
        let dispatcher = fixture.dispatcher();
        fixture.push(0);
        guard.close();
        watch.closed();
        fixture.queue.close();
        dispatcher.join().unwrap();
    });
}

#[test]
fn what_a_queued_listener_captured_is_dropped_once_whoever_has_it() {
    model(|| {
        let fixture = fixture(4);
        let capture = Arc::new(());
        let captured = Arc::clone(&capture);
        let guard = fixture.listen(move |_| drop(Arc::clone(&captured)));
        let dispatcher = fixture.dispatcher();
        fixture.push(0);
        drop(guard);
        fixture.queue.close();
        dispatcher.join().unwrap();
        assert_eq!(Arc::strong_count(&capture), 1);
    });
}

#[test]
fn after_close_of_an_inline_listener_no_call_is_under_way_and_none_begins() {
    model(|| {
        let fixture = fixture(4);
        let watch = Watch::new();
        let watched = watch.clone();
        let callback = move |_: &u64| watched.call();
        let guard = fixture
            .inline
            .listen(ListenerName::new(None, here()), callback);
        let inline = Arc::clone(&fixture.inline);
        let publisher = thread::spawn(move || publish(&inline, 0));
        guard.close();
        watch.closed();
        publisher.join().unwrap();
    });
}

#[test]
fn after_close_no_cache_calls_an_inline_listener() {
    model(|| {
        let fixture = fixture(4);
        let watch = Watch::new();
        let watched = watch.clone();
        let callback = move |_: &u64| watched.call();
        let guard = fixture
            .inline
            .listen(ListenerName::new(None, here()), callback);
        let inline = Arc::clone(&fixture.inline);
        let publisher = thread::spawn(move || {
            let cache = SnapshotCache::new();
            publish_at(&inline, &cache, 0);
            publish_at(&inline, &cache, 1);
        });
        guard.close();
        watch.closed();
        publisher.join().unwrap();
        assert_eq!(fixture.inline.published(), 2);
    });
}

#[test]
fn an_inline_listener_gets_every_event_published_after_it_was_registered() {
    model(|| {
        let fixture = fixture(4);
        let inline = Arc::clone(&fixture.inline);
        let other = thread::spawn(move || {
            let guard = inline.listen(ListenerName::new(None, here()), |_| {});
            publish(&inline, 0);
            drop(guard);
        });
        let cache = SnapshotCache::new();
        publish_at(&fixture.inline, &cache, 0);
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let listen = move |n: &u64| {
            seen.fetch_add(usize::from(*n == 1), Ordering::Relaxed);
        };
        let guard = fixture
            .inline
            .listen(ListenerName::new(None, here()), listen);
        publish_at(&fixture.inline, &cache, 1);
        publish(&fixture.inline, 1);
        drop(guard);
        publish_at(&fixture.inline, &cache, 1);
        other.join().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn replay_hands_over_to_live_events_without_a_gap_or_a_double() {
    model(|| {
        let fixture = fixture(8);
        let history = History::<Numbers>::new(Arc::clone(&fixture.shared));
        let fixture = Arc::new((fixture, history));
        let publishing = Arc::clone(&fixture);
        let publisher = thread::spawn(move || {
            let (fixture, retained) = &*publishing;
            for n in 0..2 {
                let past = retained.lock();
                let sequence = if fixture.kinds.load().contains(KindSet::QUEUED) {
                    let (sequence, wake) = fixture.queue.lock().push(&fixture.queued, event(n));
                    fixture.queue.wake(wake);
                    sequence
                } else {
                    fixture.queue.lock().number()
                };
                drop(past.push(event(n).accepted(sequence)));
            }
        });
        let next = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&next);
        let (fixture, retained) = &*fixture;
        let mut past = retained.lock();
        let replay = past.replay(Replay::All);
        let _guard = fixture.listen_to(replay, move |event| {
            let expected = seen.fetch_add(1, Ordering::Relaxed);
            assert_eq!(*event.payload(), expected as u64);
        });
        fixture
            .queue
            .wake(fixture.queue.request_replay(&fixture.queued));
        drop(past);
        let dispatcher = fixture.dispatcher();
        publisher.join().unwrap();
        fixture.queue.close();
        dispatcher.join().unwrap();
        assert_eq!(next.load(Ordering::Relaxed), 2);
    });
}

/// Parks a thread of the model until it is woken.
struct Parker {
    woken: loom::sync::Mutex<bool>,
    signal: loom::sync::Condvar,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.signal.notify_one();
    }
}

impl Parker {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            woken: loom::sync::Mutex::new(false),
            signal: loom::sync::Condvar::new(),
        })
    }

    fn block_on(future: impl Future<Output = ()>) {
        let parker = Self::new();
        let waker = Waker::from(Arc::clone(&parker));
        let mut future = pin!(future);
        while future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            parker.park();
        }
    }

    fn park(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.signal.wait(woken).unwrap();
        }
        *woken = false;
    }
}

fn push(log: &Log<Numbers>, n: u64) {
    loop {
        let guard = log.lock();
        if guard.is_full(Limit::Capacity) {
            drop(guard);
            log.wait_for_room();
        } else {
            if let Some(mut pushed) = guard.push(event(n)) {
                log.wake(&mut pushed);
            }
            return;
        }
    }
}

fn join(log: &Log<Numbers>, capacity: usize, overflow: Overflow) -> u64 {
    log.join(NewReceiver {
        name: ListenerName::new(None, here()),
        capacity,
        overflow,
        envelopes: false,
    })
}

fn count(taken: &Segment<Numbers>) -> u64 {
    match taken {
        Segment::Gap(lost) => *lost,
        Segment::Events(_, part) => part.len() as u64,
    }
}

#[test]
fn a_receiver_that_sleeps_is_woken_by_the_next_event_and_by_the_end() {
    model(|| {
        let fixture = fixture(1);
        let log = Arc::new(Log::<Numbers>::new(fixture.kinds));
        let reader = join(&log, 1, Overflow::Block);
        let publishing = Arc::clone(&log);
        let publisher = thread::spawn(move || {
            push(&publishing, 0);
            push(&publishing, 1);
            publishing.close();
        });
        let parker = Parker::new();
        let mut received = 0;
        loop {
            match log.take(reader, Some(&Waker::from(Arc::clone(&parker)))) {
                Ok(taken) => received += taken.iter().map(count).sum::<u64>(),
                Err(Empty::ForNow) => parker.park(),
                Err(Empty::Closed) => break,
            }
        }
        assert_eq!(received, 2);
        publisher.join().unwrap();
    });
}

#[test]
fn a_receiver_that_leaves_frees_the_publisher_that_waits_for_it() {
    model(|| {
        let fixture = fixture(1);
        let log = Arc::new(Log::<Numbers>::new(fixture.kinds));
        let reader = join(&log, 1, Overflow::Block);
        push(&log, 0);
        let publishing = Arc::clone(&log);
        let publisher = thread::spawn(move || push(&publishing, 1));
        log.leave(reader);
        publisher.join().unwrap();
    });
}

#[test]
fn what_a_receiver_gets_and_what_it_loses_is_everything() {
    model(|| {
        let fixture = fixture(1);
        let log = Arc::new(Log::<Numbers>::new(fixture.kinds));
        let readers = [Overflow::DropOldest, Overflow::DropNewest].map(|o| join(&log, 1, o));
        let publishing = Arc::clone(&log);
        let publisher = thread::spawn(move || (0..3).for_each(|n| push(&publishing, n)));
        let mut told = [0; 2];
        let take = |told: &mut [u64; 2]| {
            for (told, reader) in told.iter_mut().zip(readers) {
                if let Ok(taken) = log.take(reader, None) {
                    *told += taken.iter().map(count).sum::<u64>();
                }
            }
        };
        take(&mut told);
        publisher.join().unwrap();
        take(&mut told);
        assert_eq!(told, [3, 3]);
    });
}

#[test]
fn an_async_publisher_is_woken_when_there_is_room() {
    model(|| {
        let fixture = fixture(1);
        let _guard = fixture.listen(|_| {});
        fixture.push(0);
        let dispatcher = fixture.dispatcher();
        let parker = Parker::new();
        let mut place = None;
        while fixture.try_push(1).is_none() {
            if fixture
                .queue
                .wake_at_room(&mut place, Waker::from(Arc::clone(&parker)))
            {
                parker.park();
            }
        }
        fixture.queue.close();
        dispatcher.join().unwrap();
    });
}
