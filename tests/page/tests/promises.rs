//! The promises of the hub in a page, each as natively; what differs there is said in its name. A trap
//! of the wasm build fails the test that runs into it.
#![cfg(target_family = "wasm")]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use js_sys::{Function, Reflect, global};
use page::{Numbers, Words, frame, sleep};
use typed_hub::{
    AnyEnvelope, Hub, Overflow, ReceiverOptions, RecvError, Replay, Subscription, SubscriptionSet,
    TryRecvError,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;

/// What callbacks have written.
type Log<T> = Rc<RefCell<Vec<T>>>;

fn numbers(hub: &Hub) -> (Log<u64>, Subscription) {
    let log = Log::default();
    let written = Rc::clone(&log);
    let guard = hub.listen_local::<Numbers>(move |n| written.borrow_mut().push(*n));
    (log, guard)
}

/// A listener that counts its calls, each of which takes so many milliseconds.
fn slow(hub: &Hub, milliseconds: f64) -> (Rc<Cell<u64>>, Subscription) {
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let guard = hub.listen_local::<Numbers>(move |_| {
        counted.set(counted.get() + 1);
        let end = js_sys::Date::now() + milliseconds;
        while js_sys::Date::now() < end {}
    });
    (calls, guard)
}

/// A listener of the first hub that publishes on the second for each event, and counts its calls.
fn answers(hub: &Hub, other: &Hub, calls: &Rc<Cell<u64>>) -> Subscription {
    let (weak, counted) = (other.downgrade(), Rc::clone(calls));
    hub.listen_local::<Numbers>(move |n| {
        counted.set(counted.get() + 1);
        weak.upgrade().unwrap().publish::<Numbers>(n + 1);
    })
}

/// The page paints in time, though calls go on.
async fn paints(calls: &Cell<u64>) {
    let mut before = 0;
    for _ in 0..5 {
        let began = js_sys::Date::now();
        frame().await;
        let late = js_sys::Date::now() - began;
        assert!(late < 500.0, "{late} ms");
        sleep(20).await;
        assert!(calls.get() > before, "and the listeners get on");
        before = calls.get();
    }
}

fn is_pending(future: impl Future) -> bool {
    pin!(future)
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

#[wasm_bindgen_test]
async fn a_listener_is_never_called_on_the_publishers_stack() {
    let hub = Hub::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let _guard = hub.listen::<Numbers>(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    hub.publish::<Numbers>(1);
    hub.try_publish::<Numbers>(2).unwrap();
    hub.publisher::<Numbers>().publish(3);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    hub.flush_async().await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[wasm_bindgen_test]
async fn all_listeners_see_one_order_across_channels() {
    let hub = Hub::new();
    let (local, any) = (Log::default(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let (a, b, c) = (Rc::clone(&local), Rc::clone(&local), Arc::clone(&any));
    let _guards = (
        hub.listen_local::<Numbers>(move |n| a.borrow_mut().push(n.to_string())),
        hub.listen_local::<Words>(move |word| b.borrow_mut().push(word.clone())),
        hub.listen_any(move |event: &AnyEnvelope| {
            let number = event.downcast_ref::<Numbers>().map(u64::to_string);
            let word = event.downcast_ref::<Words>().cloned();
            c.lock().unwrap().extend(number.or(word));
        }),
    );
    for n in 0..300 {
        hub.publish::<Numbers>(n);
        hub.publish::<Words>(format!("word {n}"));
    }
    hub.flush_async().await;
    let local = local.take();
    assert_eq!(local.len(), 600);
    assert_eq!(local[..4], ["0", "word 0", "1", "word 1"]);
    assert_eq!(*any.lock().unwrap(), local);
}

#[wasm_bindgen_test]
async fn what_a_callback_publishes_comes_later_and_never_enters_it() {
    let hub = Hub::new();
    let log = Log::default();
    let (weak, written) = (hub.downgrade(), Rc::clone(&log));
    let _guard = hub.listen_local::<Numbers>(move |n| {
        let mut written = written.borrow_mut(); // entered twice, this would panic
        if *n < 3 {
            weak.upgrade().unwrap().publish::<Numbers>(n + 10);
        }
        written.push(*n);
    });
    (0..4).for_each(|n| hub.publish::<Numbers>(n));
    hub.flush_async().await;
    assert_eq!(log.borrow()[..4], [0, 1, 2, 3]);
    hub.flush_async().await;
    assert_eq!(log.take(), [0, 1, 2, 3, 10, 11, 12]);
}

#[wasm_bindgen_test]
async fn a_guard_ends_its_listener() {
    let hub = Hub::new();
    let (log, guard) = numbers(&hub);
    hub.publish::<Numbers>(1);
    hub.flush_async().await;
    hub.publish::<Numbers>(2);
    drop(guard);
    assert_eq!(Rc::strong_count(&log), 1, "the captures are gone at once");
    hub.flush_async().await;
    assert_eq!(log.take(), [1]);

    let (log, guard) = numbers(&hub);
    guard.close_async().await;
    assert_eq!(Rc::strong_count(&log), 1);
    let mut set = SubscriptionSet::new();
    set.insert(numbers(&hub).1);
    set.insert(hub.listen::<Numbers>(|_| {}));
    set.close_async().await;
    assert!(!hub.has_listeners::<Numbers>());
}

#[wasm_bindgen_test]
async fn a_guard_may_end_its_listener_inside_the_callback() {
    let hub = Hub::new();
    let own: Rc<RefCell<Option<Subscription>>> = Rc::default();
    let calls = Rc::new(Cell::new(0));
    let (slot, counted) = (Rc::clone(&own), Rc::clone(&calls));
    let guard = hub.listen_local::<Numbers>(move |_| {
        counted.set(counted.get() + 1);
        drop(slot.take());
    });
    own.replace(Some(guard));
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    hub.flush_async().await;
    assert_eq!((calls.get(), Rc::strong_count(&calls)), (1, 1));
}

#[wasm_bindgen_test]
async fn a_listener_gets_exactly_what_is_accepted_while_it_listens() {
    let hub = Hub::new();
    let (first, _first) = numbers(&hub);
    hub.publish::<Numbers>(1);
    let (second, _second) = numbers(&hub);
    hub.publish::<Numbers>(2);
    let once = Rc::new(Cell::new(0));
    let told = Rc::clone(&once);
    let _once = hub
        .local_listener::<Numbers>()
        .once(move |n| told.set(told.get() + n));
    hub.publish::<Numbers>(3);
    hub.publish::<Numbers>(4);
    hub.flush_async().await;
    assert_eq!(
        (first.take(), second.take()),
        (vec![1, 2, 3, 4], vec![2, 3, 4])
    );
    assert_eq!((once.get(), Rc::strong_count(&once)), (3, 1));
}

#[wasm_bindgen_test]
async fn publish_exceeds_the_capacity_and_the_other_ways_keep_it() {
    let hub = Hub::builder().capacity(2).build();
    let (log, _guard) = numbers(&hub);
    (0..5).for_each(|n| hub.publish::<Numbers>(n));
    assert!(hub.try_publish::<Numbers>(5).is_err());
    assert!(
        is_pending(hub.publish_async::<Numbers>(5)),
        "it has room to wait for"
    );
    assert_eq!(hub.inspect().queue.depth, 5);
    for n in 5..50 {
        hub.publish_async::<Numbers>(n).await;
        assert!(hub.inspect().queue.depth <= 2);
    }
    hub.flush_async().await;
    assert_eq!(log.take(), (0..50).collect::<Vec<_>>());
}

#[wasm_bindgen_test]
async fn a_full_receiver_that_loses_nothing_holds_up_no_page() {
    let hub = Hub::new();
    let options = ReceiverOptions::builder().capacity(2).build();
    let mut receiver = hub.receiver_with::<Numbers>(options);
    (0..5).for_each(|n| hub.publish::<Numbers>(n));
    assert!(hub.try_publish::<Numbers>(5).is_err());
    assert!(is_pending(hub.publish_async::<Numbers>(5)));
    for n in 0..5 {
        assert_eq!(*receiver.recv_async().await.unwrap(), n);
    }
    assert!(matches!(receiver.try_recv(), Err(TryRecvError::Empty)));
    assert!(is_pending(receiver.recv_async()));
}

#[wasm_bindgen_test]
async fn a_receiver_is_woken_and_ends_with_its_hub() {
    let hub = Hub::new();
    let options = ReceiverOptions::builder()
        .capacity(2)
        .overflow(Overflow::DropOldest);
    let mut lossy = hub.receiver_with::<Numbers>(options.build());
    let mut stream = hub.receiver::<Numbers>();
    let publishing = hub.clone();
    spawn_local(async move {
        sleep(1).await;
        (0..4).for_each(|n| publishing.publish::<Numbers>(n));
    });
    for n in 0..4 {
        assert_eq!(*stream.next().await.unwrap().unwrap(), n);
    }
    assert!(
        matches!(lossy.recv_async().await, Err(RecvError::Lagged(lagged)) if lagged.missed == 2)
    );
    let mut sum = 0;
    assert_eq!(lossy.drain(|n| sum += n), Ok(2));
    assert_eq!(sum, 5);
    drop(hub);
    assert!(stream.next().await.is_none());
    assert!(matches!(lossy.recv_async().await, Err(RecvError::Closed)));
}

#[wasm_bindgen_test]
async fn a_late_listener_is_told_in_order_with_the_pages_time() {
    let hub = Hub::new();
    let before = js_sys::Date::now();
    (0..5).for_each(|n| hub.publish::<Words>(n.to_string()));
    let log = Log::default();
    let written = Rc::clone(&log);
    let _late = hub
        .local_listener::<Words>()
        .name("late")
        .replay(Replay::All)
        .envelope()
        .listen(move |event| {
            written
                .borrow_mut()
                .push((event.payload().clone(), event.time()));
        });
    hub.publish::<Words>("live".to_owned());
    hub.flush_async().await;
    let (words, times): (Vec<_>, Vec<_>) = log.take().into_iter().unzip();
    assert_eq!(words, ["2", "3", "4", "live"]);
    for time in times {
        let told = time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1_000.0;
        assert!((before - 5.0..=js_sys::Date::now() + 5.0).contains(&told));
    }
    assert_eq!(hub.last::<Words>().unwrap().payload(), "live");
    assert!(hub.inspect().to_string().contains("late"));
    assert!(format!("{hub:?}").contains("task"));
}

#[wasm_bindgen_test]
async fn a_replay_alone_wakes_the_page() {
    let hub = Hub::new();
    hub.publish::<Words>("kept".to_owned());
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let late = hub.local_listener::<Words>().replay(Replay::Latest);
    let _late = late.listen(move |_| counted.set(counted.get() + 1));
    assert_eq!(calls.get(), 0);
    sleep(0).await;
    assert_eq!(calls.get(), 1);
}

#[wasm_bindgen_test]
async fn wait_for_async_finds_live_and_retained_events() {
    let hub = Hub::new();
    let publishing = hub.clone();
    let large = hub.wait_for_async::<Numbers>(|n| *n > 5);
    spawn_local(async move {
        sleep(1).await;
        (0..2_000).for_each(|n| publishing.publish::<Numbers>(n));
    });
    assert_eq!(*large.await, 6);
    hub.publish::<Words>("kept".to_owned());
    let kept = hub.wait_for_async_with::<Words>(Replay::All, |word| word == "kept");
    assert_eq!(&**kept.await, "kept");
    assert!(!hub.has_listeners::<Words>());
}

#[wasm_bindgen_test]
async fn the_end_of_a_hub_delivers_what_was_accepted() {
    let hub = Hub::new();
    let (log, guard) = numbers(&hub);
    guard.detach();
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    drop(hub);
    sleep(1).await;
    assert_eq!(log.borrow()[..], [0, 1, 2]);
    assert_eq!(Rc::strong_count(&log), 1, "nothing of the hub is left");
}

#[wasm_bindgen_test]
async fn inline_listeners_run_within_publish() {
    let hub = Hub::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let guard = hub.listen_inline::<Numbers>(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    hub.publish::<Numbers>(1);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    guard.close_async().await;
    hub.publish::<Numbers>(1);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[wasm_bindgen_test]
async fn the_global_hub_works_in_a_page() {
    let (log, guard) = numbers(Hub::global());
    Hub::global().publish::<Numbers>(7);
    Hub::global().flush_async().await;
    assert_eq!(log.take(), [7]);
    drop(guard);
}

#[wasm_bindgen_test]
async fn thousands_of_events_of_one_task_come_in_order() {
    let hub = Hub::new();
    let (log, _guard) = numbers(&hub);
    (0..10_000).for_each(|n| hub.publish::<Numbers>(n));
    hub.flush_async().await;
    assert!(log.take().into_iter().eq(0..10_000));
}

#[wasm_bindgen_test]
async fn a_listener_that_publishes_for_ever_lets_the_page_paint() {
    let hub = Hub::new();
    let calls = Rc::new(Cell::new(0));
    let guard = answers(&hub, &hub, &calls);
    hub.publish::<Numbers>(0);
    paints(&calls).await;
    drop(guard);
    sleep(1).await;
    let ended = calls.get();
    sleep(1).await;
    assert_eq!(calls.get(), ended);
}

#[wasm_bindgen_test]
async fn a_listener_of_every_channel_need_not_be_send() {
    let hub = Hub::new();
    let log = Log::default();
    let written = Rc::clone(&log);
    let guard = hub.listen_any_local(move |event: &AnyEnvelope| {
        written.borrow_mut().push(event.channel());
    });
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("a".to_owned());
    hub.flush_async().await;
    assert_eq!(log.take(), ["number", "word"]);
    drop(guard);
    assert_eq!(Rc::strong_count(&log), 1);
}

/// A browser delays the timers of a page that is not shown by a second and more.
#[wasm_bindgen_test]
async fn the_rest_of_a_burst_waits_for_no_timer() {
    let hub = Hub::new();
    let (calls, _guard) = slow(&hub, 5.0);
    let mut late = Box::pin(sleep(1_000));
    assert!(is_pending(late.as_mut()), "its timer is set");
    let _no_timers = NoTimers::begin();
    (0..20).for_each(|n| hub.publish::<Numbers>(n));
    let flushed = select(Box::pin(hub.flush_async()), late).await;
    assert!(matches!(flushed, Either::Left(_)), "{}", calls.get());
    assert_eq!(calls.get(), 20);
}

/// An open port would keep a program of node alive.
#[wasm_bindgen_test]
async fn an_idle_hub_keeps_no_port_open() {
    let hub = Hub::new();
    let _slow = slow(&hub, 6.0);
    hub.publish::<Numbers>(1);
    hub.flush_async().await;
    sleep(20).await;
    assert_eq!(ports(), 0);
}

/// How many ports are open, as far as node tells.
fn ports() -> usize {
    let count = "return globalThis.process?.getActiveResourcesInfo().filter((of) => of === 'MessagePort').length ?? 0";
    let count = Function::new_no_args(count).call0(&JsValue::NULL);
    count.unwrap().as_f64().unwrap() as usize
}

/// While it lives, no new timer fires.
struct NoTimers(JsValue);

impl NoTimers {
    fn begin() -> Self {
        let before = Reflect::get(&global(), &"setTimeout".into()).unwrap();
        let never = Function::new_no_args("return 0");
        Reflect::set(&global(), &"setTimeout".into(), &never).unwrap();
        Self(before)
    }
}

impl Drop for NoTimers {
    fn drop(&mut self) {
        Reflect::set(&global(), &"setTimeout".into(), &self.0).unwrap();
    }
}

#[wasm_bindgen_test]
async fn two_hubs_that_answer_each_other_for_ever_let_the_page_paint() {
    let hubs = [Hub::new(), Hub::new()];
    let calls = Rc::new(Cell::new(0));
    let _guards = [
        answers(&hubs[0], &hubs[1], &calls),
        answers(&hubs[1], &hubs[0], &calls),
    ];
    hubs[0].publish::<Numbers>(0);
    paints(&calls).await;
}

#[wasm_bindgen_test]
async fn a_slow_listener_leaves_the_rest_of_a_burst_to_the_next_task() {
    let hub = Hub::new();
    let (calls, _guard) = slow(&hub, 5.0);
    (0..20).for_each(|n| hub.publish::<Numbers>(n));
    sleep(0).await;
    assert!((1..20).contains(&calls.get()), "{}", calls.get());
    hub.flush_async().await;
    assert_eq!(calls.get(), 20);
}

#[wasm_bindgen_test]
async fn a_worker_is_pumped_by_the_page() {
    let (hub, mut worker) = Hub::builder().capacity(2).build_with_worker();
    let wakes = Arc::new(AtomicUsize::new(0));
    let woken = Arc::clone(&wakes);
    worker.on_arrival(move || {
        woken.fetch_add(1, Ordering::SeqCst);
    });
    let (log, _guard) = numbers(&hub);
    (0..5).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(wakes.load(Ordering::SeqCst), 1);
    assert_eq!(worker.run_pending_at_most(2), 2);
    assert_eq!(worker.run_pending_for(Duration::from_secs(1)), 3);
    assert_eq!(log.take(), [0, 1, 2, 3, 4]);
    spawn_local(async move {
        while worker.arrived().await {
            worker.run_pending();
        }
    });
    hub.publish_async::<Numbers>(5).await;
    hub.flush_async().await;
    assert_eq!(log.take(), [5]);
}

#[wasm_bindgen_test]
async fn a_local_worker_is_pumped_by_the_page() {
    let (hub, worker) = Hub::builder().build_with_local_worker();
    let log = Log::default();
    let (first, second) = (Rc::clone(&log), Rc::clone(&log));
    let _first = worker.listen_local::<Numbers>(move |n| first.borrow_mut().push(*n));
    let _second = hub.listen_local::<Numbers>(move |n| second.borrow_mut().push(n + 100));
    hub.publish::<Numbers>(1);
    assert!(is_pending(hub.flush_async()));
    assert_eq!(worker.run_pending(), 1);
    assert_eq!(log.take(), [1, 101]);
    drop(worker);
    assert_eq!(
        Rc::strong_count(&log),
        1,
        "local callbacks go with their worker"
    );
}

/// Where panics unwind.
#[cfg(panic = "unwind")]
#[wasm_bindgen_test]
async fn a_listeners_panic_harms_no_other_and_is_reported() {
    let reports = Arc::new(std::sync::Mutex::new(Vec::new()));
    let reported = Arc::clone(&reports);
    let hub = Hub::builder()
        .on_panic(move |panic| reported.lock().unwrap().push(panic.to_string()))
        .build();
    let named = hub.local_listener::<Numbers>().name("view");
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let _panics = named.listen(move |n| {
        counted.set(counted.get() + 1);
        assert!(*n != 1, "torn");
    });
    let (log, _guard) = numbers(&hub);
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    hub.flush_async().await;
    assert_eq!((calls.get(), log.take()), (3, vec![0, 1, 2]));
    let said = "listener view on channel number panicked: torn";
    assert_eq!(*reports.lock().unwrap(), [said]);
}
