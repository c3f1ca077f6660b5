//! Listeners that are not `Send` stay on the thread of their worker, and every promise holds for them.

use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::common::{Gate, Log, Numbers, PATIENCE, Words, gate, in_time, rounds};
use typed_hub::{
    Custom, CustomChannel, Hub, LocalWorker, PanicOrigin, Replay, Subscription, WeakHub,
};

/// A channel that keeps its last events.
enum Kept {}

impl CustomChannel for Kept {
    type Event = u64;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 3;
}

/// A capture that is not `Send`, and notes the thread that drops it.
struct Noted {
    drops: Log<ThreadId>,
    stays: Rc<()>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.drops.push(thread::current().id());
    }
}

fn noted(drops: &Log<ThreadId>) -> Noted {
    Noted {
        drops: drops.clone(),
        stays: Rc::default(),
    }
}

fn local() -> (Hub, LocalWorker) {
    Hub::builder().build_with_local_worker()
}

/// A view: what its callbacks write.
type View = Rc<RefCell<Vec<String>>>;

fn shown(view: &View) -> Vec<String> {
    mem::take(&mut view.borrow_mut())
}

#[test]
fn a_view_is_told_on_its_own_thread_whatever_thread_publishes() {
    let (hub, worker) = local();
    let view = View::default();
    let (written, here) = (Rc::clone(&view), thread::current().id());
    let _guard = worker.listen_local::<Numbers>(move |n| {
        assert_eq!(thread::current().id(), here);
        written.borrow_mut().push(n.to_string());
    });
    hub.publish::<Numbers>(1);
    let publishing = hub.clone();
    thread::spawn(move || publishing.publish::<Numbers>(2))
        .join()
        .unwrap();
    assert!(shown(&view).is_empty(), "never on the publisher's stack");
    assert_eq!(worker.run_pending(), 2);
    assert_eq!(shown(&view), ["1", "2"]);
}

#[test]
fn it_sees_the_hubs_one_order_with_all_other_queued_listeners() {
    in_time(|| {
        let (hub, worker) = local();
        let local = View::default();
        let write = || {
            let view = Rc::clone(&local);
            move |event: String| view.borrow_mut().push(event)
        };
        let (queued, any) = (Log::new(), Log::new());
        let push = || {
            let log = queued.clone();
            move |event: String| log.push(event)
        };
        let (write_number, write_word, push_number, push_word) = (write(), write(), push(), push());
        let counted = any.clone();
        let _guards = (
            worker.listen_local::<Numbers>(move |n| write_number(n.to_string())),
            hub.listen::<Numbers>(move |n| push_number(n.to_string())),
            hub.listen::<Words>(move |word| push_word((*word).to_owned())),
            worker.listen_local::<Words>(move |word| write_word((*word).to_owned())),
            hub.listen_any(move |event| counted.push(event.sequence())),
        );
        let all = rounds(500);
        let publishers: Vec<_> = [false, true]
            .into_iter()
            .map(|words| {
                let hub = hub.clone();
                thread::spawn(move || {
                    for n in 0..all {
                        if words {
                            hub.publish::<Words>("word");
                        } else {
                            hub.publish::<Numbers>(n);
                        }
                    }
                })
            })
            .collect();
        while any.len() < 2 * usize::try_from(all).unwrap() {
            worker.run_pending_at_most(7);
        }
        for publisher in publishers {
            publisher.join().unwrap();
        }
        assert_eq!(shown(&local), queued.take());
    });
}

#[test]
fn name_replay_envelope_and_once_combine() {
    let (hub, worker) = local();
    (0..4).for_each(|n| hub.publish::<Custom<Kept>>(n));
    let view = View::default();
    let write = |what: &str| {
        let (view, what) = (Rc::clone(&view), what.to_owned());
        move |n: u64| view.borrow_mut().push(format!("{what} {n}"))
    };
    let (all, once, late, once_enveloped) =
        (write("all"), write("once"), write("late"), write("e"));
    let kept = || worker.local_listener::<Custom<Kept>>();
    let guards = [
        kept().replay(Replay::All).listen(move |n| all(*n)),
        kept().replay(Replay::Latest).once(move |n| once(*n)),
        kept()
            .replay(Replay::Latest)
            .envelope()
            .name("view")
            .listen(move |event| late(event.sequence())),
        kept()
            .envelope()
            .once(move |event| once_enveloped(*event.payload())),
    ];
    assert_eq!(guards[2].name(), "view");
    assert!(guards[0].name().contains("local.rs"), "{guards:?}");
    assert!(format!("{:?}", guards[0]).contains("listening: true"));
    hub.publish::<Custom<Kept>>(4);
    assert_eq!(worker.run_pending(), 6);
    let told = ["all 1", "all 2", "all 3", "once 3", "late 3"];
    assert_eq!(shown(&view)[..5], told);
    hub.publish::<Custom<Kept>>(5);
    worker.run_pending();
    assert_eq!(shown(&view).len(), 2, "both of `once` have ended");
    let report = hub.inspect().to_string();
    assert!(
        report.contains("view") && report.contains("queued"),
        "{report}"
    );
}

#[test]
fn it_gets_exactly_the_events_accepted_while_it_listens() {
    let (hub, worker) = local();
    let view = View::default();
    hub.publish::<Numbers>(0);
    let written = Rc::clone(&view);
    let guard = worker.listen_local::<Numbers>(move |n| written.borrow_mut().push(n.to_string()));
    hub.publish::<Numbers>(1);
    worker.run_pending();
    hub.publish::<Numbers>(2);
    drop(guard);
    worker.run_pending();
    assert_eq!(shown(&view), ["1"]);
    assert_eq!(Rc::strong_count(&view), 1);
}

#[test]
fn its_panic_is_counted_reported_and_harms_no_listener() {
    let reports = Log::new();
    let log = reports.clone();
    let (hub, worker) = Hub::builder()
        .on_panic(move |panic| log.push(panic.to_string()))
        .build_with_local_worker();
    let view = View::default();
    let (first, second) = (Rc::clone(&view), Rc::clone(&view));
    let named = worker.local_listener::<Numbers>().name("view");
    let _panics = named.listen(move |n| {
        first.borrow_mut().push(format!("first {n}"));
        if *n == 1 {
            let _borrowed = first.borrow_mut();
            panic_any("torn".to_owned());
        }
    });
    let _other = worker.listen_local::<Numbers>(move |n| {
        second.borrow_mut().push(format!("second {n}"));
    });
    (1..=2).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(worker.run_pending(), 2);
    assert_eq!(shown(&view), ["first 1", "second 1", "first 2", "second 2"]);
    let said = "listener view on channel number panicked: torn";
    assert_eq!(reports.take(), [said]);
    assert_eq!(hub.inspect().channels[0].listeners[0].panicked, 1);
}

#[test]
fn a_drop_that_panics_is_reported_on_every_way_it_ends() {
    struct Trap(#[expect(dead_code, reason = "it is not `Send`")] Rc<()>);

    impl Drop for Trap {
        fn drop(&mut self) {
            panic!("a trap");
        }
    }

    fn listening(reports: &Log<PanicOrigin>) -> (Hub, LocalWorker, Subscription) {
        let log = reports.clone();
        let (hub, worker) = Hub::builder()
            .on_panic(move |panic| log.push(panic.origin().clone()))
            .build_with_local_worker();
        let trap = Trap(Rc::default());
        let named = worker.local_listener::<Numbers>().name("trap");
        let guard = named.listen(move |_| {
            let _captured = &trap;
        });
        (hub, worker, guard)
    }

    let reports = Log::new();
    let ways: [fn(Hub, LocalWorker, Subscription); 5] = [
        |_hub, _worker, guard| drop(guard),
        |_hub, worker, _guard| drop(worker),
        |hub, _worker, guard| {
            guard.detach();
            drop(hub);
        },
        |_hub, worker, guard| {
            thread::spawn(|| drop(guard)).join().unwrap();
            worker.run_pending();
        },
        |_hub, worker, _guard| mem::forget(worker),
    ];
    // The interpreter refuses what is leaked, and the last way leaks the worker.
    let ways = &ways[..if cfg!(miri) { 4 } else { 5 }];
    for way in ways.iter().copied() {
        let log = reports.clone();
        thread::spawn(move || {
            let (hub, worker, guard) = listening(&log);
            way(hub, worker, guard);
        })
        .join()
        .unwrap();
        let origin = PanicOrigin::Listener("trap".to_owned());
        assert_eq!(reports.take(), [origin]);
    }
}

#[test]
fn a_listener_of_every_channel_may_stay_on_its_thread_too() {
    let (hub, worker) = local();
    let view = View::default();
    let drops = Log::new();
    let (written, capture) = (Rc::clone(&view), noted(&drops));
    hub.publish::<Words>("before");
    let guard = worker.listen_any_local(move |event| {
        let _kept = &capture.stays;
        let line = format!("{} {}", event.channel(), event.sequence());
        written.borrow_mut().push(line);
    });
    assert!(guard.name().contains("local.rs"), "{guard:?}");
    let publisher = hub.clone();
    let publishing = thread::spawn(move || {
        publisher.publish::<Words>("a");
        publisher.publish::<Numbers>(1); // a channel that is used for the first time
    });
    publishing.join().unwrap();
    assert_eq!(worker.run_pending(), 2);
    assert_eq!(shown(&view), ["word 0", "number 1"]);
    thread::spawn(|| drop(guard)).join().unwrap();
    assert_eq!(drops.len(), 0, "not on that thread");
    hub.publish::<Words>("after");
    worker.run_pending();
    assert_eq!(drops.take(), [thread::current().id()]);
    assert_eq!(shown(&view), [""; 0]);
    drop(hub);
    let unheard = worker.listen_any_local(|_| {});
    assert!(format!("{unheard:?}").contains("listening: false"));
}

#[test]
fn a_panic_of_a_listener_of_every_channel_is_reported_and_harms_no_event() {
    let reports = Log::new();
    let noted = reports.clone();
    let (hub, worker) = Hub::builder()
        .on_panic(move |panic| noted.push(panic.origin().clone()))
        .build_with_local_worker();
    let view = View::default();
    let written = Rc::clone(&view);
    let guard = worker.listen_any_local(move |event| {
        if event.channel() == "word" {
            panic_any("as told");
        }
        written.borrow_mut().push(event.channel().to_owned());
    });
    hub.publish::<Words>("a");
    hub.publish::<Numbers>(1);
    assert_eq!(worker.run_pending(), 2);
    assert_eq!(shown(&view), ["number"]);
    assert_eq!(reports.take(), [PanicOrigin::Listener(guard.name())]);
}

/// A worker on a thread of its own, with a listener whose guard comes here.
fn elsewhere(
    then: impl FnOnce(&LocalWorker) + Send + 'static,
) -> (
    Hub,
    Subscription,
    Log<ThreadId>,
    thread::JoinHandle<ThreadId>,
) {
    let (sends, guards) = mpsc::channel();
    let drops = Log::new();
    let noting = drops.clone();
    let thread = thread::spawn(move || {
        let (hub, worker) = local();
        let capture = noted(&noting);
        let guard = worker.listen_local::<Numbers>(move |_| drop(Rc::clone(&capture.stays)));
        sends.send((hub, guard)).unwrap();
        then(&worker);
        drop(worker);
        thread::current().id()
    });
    let (hub, guard) = guards.recv_timeout(PATIENCE).unwrap();
    (hub, guard, drops, thread)
}

#[test]
fn a_guard_dropped_on_another_thread_leaves_the_captures_to_the_worker() {
    in_time(|| {
        let (goes, may_go) = mpsc::channel::<()>();
        let (ran, has_run) = mpsc::channel();
        let (hub, guard, drops, thread) = elsewhere(move |worker| {
            while may_go.recv().is_ok() {
                ran.send(worker.run_pending()).unwrap();
            }
        });
        hub.publish::<Numbers>(1);
        guard.close();
        assert_eq!(drops.len(), 0, "not on this thread");
        goes.send(()).unwrap();
        assert!(has_run.recv().unwrap() <= 1);
        assert_eq!(drops.len(), 1);
        hub.publish::<Numbers>(2);
        goes.send(()).unwrap();
        assert_eq!(has_run.recv().unwrap(), 0, "it listens no more");
        drop(goes);
        let there = thread.join().unwrap();
        assert_eq!(drops.take(), [there]);
    });
}

#[test]
fn a_worker_that_goes_drops_what_ended_elsewhere_and_what_did_not_end() {
    in_time(|| {
        for is_ended in [false, true] {
            let (goes, may_go) = mpsc::channel::<()>();
            let (hub, guard, drops, thread) = elsewhere(move |_| {
                let _ = may_go.recv();
            });
            let kept = if is_ended {
                drop(guard);
                None
            } else {
                Some(guard)
            };
            goes.send(()).unwrap();
            let there = thread.join().unwrap();
            assert_eq!(drops.take(), [there]);
            hub.publish::<Numbers>(1);
            drop((kept, hub));
        }
    });
}

#[test]
fn a_hub_that_ends_on_another_thread_drops_no_capture_there() {
    in_time(|| {
        let (goes, may_go) = mpsc::channel::<()>();
        let (hub, guard, drops, thread) = elsewhere(move |worker| {
            may_go.recv().unwrap();
            worker.run();
        });
        guard.detach();
        hub.publish::<Numbers>(1);
        drop(hub);
        assert_eq!(drops.len(), 0);
        goes.send(()).unwrap();
        let there = thread.join().unwrap();
        assert_eq!(drops.take(), [there]);
    });
}

#[test]
fn close_on_another_thread_waits_for_the_call_under_way() {
    in_time(|| {
        let (sends, parts) = mpsc::channel::<(Hub, Subscription, Gate)>();
        let log = Log::new();
        let calls = log.clone();
        let pumping = thread::spawn(move || {
            let (hub, worker) = local();
            let (gate, keeper) = gate();
            let stays = Rc::new(());
            let guard = worker.listen_local::<Numbers>(move |_| {
                keeper.pass();
                calls.push(Rc::strong_count(&stays));
            });
            hub.publish::<Numbers>(1);
            sends.send((hub, guard, gate)).unwrap();
            worker.run_pending();
        });
        let (hub, guard, gate) = parts.recv_timeout(PATIENCE).unwrap();
        gate.wait();
        let seen = log.clone();
        let closing = thread::spawn(move || {
            guard.close();
            seen.len()
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!closing.is_finished());
        gate.open();
        assert_eq!(closing.join().unwrap(), 1);
        pumping.join().unwrap();
        drop(hub);
    });
}

#[test]
fn it_may_end_itself_and_others_and_use_the_worker_inside_its_callback() {
    in_time(|| {
        let (hub, worker) = local();
        let worker = Rc::new(worker);
        let view = View::default();
        let own: Rc<RefCell<Vec<Subscription>>> = Rc::default();
        let (weak, guards, written) = (Rc::downgrade(&worker), Rc::clone(&own), Rc::clone(&view));
        let busy = worker.listen_local::<Numbers>(move |n| {
            let worker = weak.upgrade().unwrap();
            assert_eq!(worker.run_pending(), 0, "never entered while it runs");
            worker.run();
            worker.on_arrival(|| {});
            drop(worker.arrived());
            let inner = Rc::clone(&written);
            let opened =
                worker.listen_local::<Words>(move |w| inner.borrow_mut().push((*w).into()));
            worker.listen_local::<Words>(|_| {}).close();
            let ended = mem::replace(&mut *guards.borrow_mut(), vec![opened]);
            drop(ended);
            written.borrow_mut().push(n.to_string());
        });
        own.borrow_mut().push(busy);
        hub.publish::<Numbers>(1);
        hub.publish::<Numbers>(2);
        worker.run_pending();
        hub.publish::<Words>("opened");
        worker.run_pending();
        assert_eq!(shown(&view), ["1", "opened"]);
    });
}

#[test]
fn its_captures_may_use_the_hub_in_every_way_as_they_drop() {
    struct Busy {
        hub: WeakHub,
        worker: std::rc::Weak<LocalWorker>,
        drops: Rc<Cell<usize>>,
    }

    impl Drop for Busy {
        fn drop(&mut self) {
            self.drops.set(self.drops.get() + 1);
            let Some(hub) = self.hub.upgrade() else {
                return;
            };
            hub.publish::<Numbers>(1);
            hub.inspect();
            hub.flush();
            hub.listen::<Words>(|_| {}).close();
            if let Some(worker) = self.worker.upgrade() {
                worker.listen_local::<Words>(|_| {}).close();
                worker.run_pending();
            }
        }
    }

    in_time(|| {
        let (hub, worker) = local();
        let worker = Rc::new(worker);
        let drops = Rc::new(Cell::new(0));
        let listen = || {
            let busy = Busy {
                hub: hub.downgrade(),
                worker: Rc::downgrade(&worker),
                drops: Rc::clone(&drops),
            };
            worker.listen_local::<Words>(move |_| drop(Rc::clone(&busy.drops)))
        };
        drop(listen());
        listen().close();
        let elsewhere = listen();
        thread::spawn(move || drop(elsewhere)).join().unwrap();
        worker.run_pending();
        assert_eq!(drops.get(), 3);
        let kept = listen();
        listen().detach();
        drop(worker);
        assert_eq!(drops.get(), 5);
        drop(kept);
    });
}

#[test]
fn what_listens_to_a_hub_that_has_ended_gets_nothing() {
    let (hub, worker) = local();
    drop(hub);
    let capture = Rc::new(());
    let captured = Rc::clone(&capture);
    let named = worker.local_listener::<Numbers>().name("late");
    let guard = named.listen(move |_| drop(Rc::clone(&captured)));
    assert_eq!(Rc::strong_count(&capture), 1);
    assert_eq!(guard.name(), "late");
    assert!(format!("{guard:?}").contains("listening: false"));
    assert_eq!(worker.run_pending(), 0);
    guard.close();
    let guard = worker.listen_local::<Numbers>(|_| {});
    pollster::block_on(guard.close_async());
}

#[test]
fn hubs_of_one_thread_do_not_mix() {
    let (first, second) = (local(), local());
    let view = View::default();
    let guards = [&first, &second].map(|(_, worker)| {
        let written = Rc::clone(&view);
        worker.listen_local::<Numbers>(move |n| written.borrow_mut().push(n.to_string()))
    });
    first.0.publish::<Numbers>(1);
    second.0.publish::<Numbers>(2);
    drop(first);
    assert_eq!(Rc::strong_count(&view), 2, "its callback has gone with it");
    assert_eq!(second.1.run_pending(), 1);
    assert_eq!(shown(&view), ["2"]);
    drop(guards);
    assert_eq!(Rc::strong_count(&view), 1);
}

#[test]
fn it_wakes_the_loop_of_its_thread() {
    let (hub, worker) = local();
    let log = Log::new();
    let woken = log.clone();
    worker.on_arrival(move || woken.push(()));
    hub.publish::<Custom<Kept>>(1);
    let kept = worker.local_listener::<Custom<Kept>>().replay(Replay::All);
    let _guard = kept.listen(|_| {});
    assert_eq!(log.len(), 1);
    assert!(pollster::block_on(worker.arrived()));
    assert_eq!(worker.run_pending_for(Duration::from_secs(9)), 1);
    assert!(format!("{worker:?}").contains("waiting: 0"));
}
