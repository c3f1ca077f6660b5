//! Refreshing ahead of time: `AuthClient::keep_fresh`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::world::{LIFETIME, PASSWORD, StoreFault, World};
use pollster::block_on;
use typed_hub::auth::{Fault, Operation, SignOutScope};

/// Sleeps as the test wants.
#[derive(Clone, Default)]
struct Sleeps(Arc<Mutex<Vec<Duration>>>, Arc<Mutex<bool>>);

impl Sleeps {
    fn sleep(&self, how_long: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.0.lock().unwrap().push(how_long);
        let over = Arc::clone(&self.1);
        poll_fn(move |_| {
            if std::mem::take(&mut *over.lock().unwrap()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    fn taken(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn wake(&self) {
        *self.1.lock().unwrap() = true;
    }
}

struct Task(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Task {
    fn run(&mut self) -> Poll<()> {
        self.0
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }
}

fn task(world: &World) -> (Task, Sleeps) {
    let sleeps = Sleeps::default();
    let sleep = sleeps.clone();
    let task = world
        .client
        .keep_fresh(move |how_long| sleep.sleep(how_long));
    (Task(Box::pin(task)), sleeps)
}

/// Of a minute, 10 s are left when a refresh is due.
const BEFORE: Duration = Duration::from_secs(50);

#[test]
fn a_refresh_comes_before_the_tokens_expire() {
    let world = World::signed_in();
    let (mut task, sleeps) = task(&world);
    for _ in 0..3 {
        assert!(task.run().is_pending());
        assert_eq!(sleeps.taken(), [BEFORE]);
        assert_eq!(world.trace.take(), [""; 0]);
        world.clock.advance(BEFORE);
        sleeps.wake();
        assert!(task.run().is_pending());
        assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
        assert_eq!(sleeps.taken(), [BEFORE]);
        sleeps.wake();
    }
    assert_eq!(world.refreshes(), 3);
}

#[test]
fn it_waits_for_a_session_and_follows_it() {
    let world = World::new();
    let (mut task, sleeps) = task(&world);
    assert!(task.run().is_pending());
    assert_eq!(sleeps.taken(), [] as [Duration; 0]);
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    assert!(task.run().is_pending());
    assert_eq!(sleeps.taken().len(), 1);
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    world.clock.advance(LIFETIME);
    sleeps.wake();
    assert!(task.run().is_pending());
    assert_eq!(world.pool.count(Operation::Refresh), 0);
}

#[test]
fn a_refresh_that_fails_in_transit_is_tried_again_later_and_later() {
    let world = World::signed_in();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    world.clock.advance(BEFORE);
    let (mut task, sleeps) = task(&world);
    for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
        assert!(task.run().is_pending());
        assert_eq!(sleeps.taken(), [Duration::from_secs(seconds)]);
        assert_eq!(world.trace.take(), ["→tokenRefresh_failure, kept"]);
        sleeps.wake();
    }
    world.pool.clear_fault(Operation::Refresh);
    assert!(task.run().is_pending());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
}

#[test]
fn tokens_that_the_store_has_refused_are_saved_soon_after() {
    let world = World::signed_in();
    world.store.fail(StoreFault::Save);
    world.clock.advance(BEFORE);
    let (mut task, sleeps) = task(&world);
    for seconds in [5, 10] {
        assert!(task.run().is_pending());
        assert_eq!(sleeps.taken(), [Duration::from_secs(seconds)]);
        assert_eq!(world.trace.take(), [""; 0]);
        sleeps.wake();
    }
    world.store.clear_fault();
    assert!(task.run().is_pending());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    assert_eq!(sleeps.taken(), [BEFORE]);
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn it_ends_with_its_client_and_is_woken_for_it() {
    let world = World::signed_in();
    let task = world.client.keep_fresh(|_| std::future::pending());
    let handle = std::thread::spawn(move || block_on(task));
    std::thread::sleep(Duration::from_millis(20));
    drop(world);
    handle.join().unwrap();
}

#[test]
fn tokens_that_are_always_due_are_not_asked_for_all_the_time() {
    let clock = typed_hub::auth::ManualClock::default();
    let pool = typed_hub::auth::MemoryProvider::builder()
        .clock(clock.clone())
        .access_lifetime(Duration::ZERO)
        .build();
    let world = World::around(pool, clock).sign_in();
    let (mut task, sleeps) = task(&world);
    assert!(task.run().is_pending());
    assert_eq!(world.refreshes(), 1);
    assert_eq!(sleeps.taken(), [Duration::from_secs(5)]);
}

/// A timer that stands still while the machine is suspended.
#[derive(Clone, Default)]
struct Timer(Arc<Mutex<Duration>>);

impl Timer {
    fn sleep(&self, how_long: Duration) -> impl Future<Output = ()> + Send + use<> {
        let timer = self.clone();
        let end = *self.0.lock().unwrap() + how_long;
        poll_fn(move |_| {
            if *timer.0.lock().unwrap() >= end {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
}

#[test]
fn a_refresh_that_fell_due_during_a_suspend_comes_within_a_minute() {
    const MINUTE: Duration = Duration::from_secs(60);
    for (suspended, minutes, refreshes) in [
        (Duration::from_secs(8 * 60 * 60), 1, 1),
        (Duration::ZERO, 53, 0),
        (Duration::ZERO, 55, 1),
    ] {
        let clock = typed_hub::auth::ManualClock::default();
        let pool = typed_hub::auth::MemoryProvider::builder()
            .clock(clock.clone())
            .build();
        let world = World::around(pool, clock.clone()).sign_in();
        let timer = Timer::default();
        let sleeper = timer.clone();
        let task = world
            .client
            .keep_fresh(move |how_long| sleeper.sleep(how_long));
        let mut task = Task(Box::pin(task));
        assert!(task.run().is_pending());
        clock.advance(suspended);
        for _ in 0..minutes {
            clock.advance(MINUTE);
            *timer.0.lock().unwrap() += MINUTE;
            assert!(task.run().is_pending());
        }
        assert_eq!(world.refreshes(), refreshes, "{suspended:?}, {minutes} min");
    }
}
