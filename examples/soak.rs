//! A soak: eight publishers, four channels, a thousand listeners that come and go. Nothing may be
//! lost, come out of order, or stay in memory.
//!
//! `cargo run --release --example soak [seconds]`; 60 s unless said.

use std::alloc::System;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use typed_hub::{Channel, Custom, CustomChannel, Hub, Subscription};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PUBLISHERS: usize = 8;
const CHANNELS: usize = 4;
const LISTENERS: usize = 1_000;

/// One of four channels.
enum Numbered<const N: usize> {}

/// A number that its publisher counts up on each channel.
struct Number {
    publisher: usize,
    number: u64,
}

impl<const N: usize> CustomChannel for Numbered<N> {
    type Event = Number;
    const NAME: &'static str = ["first", "second", "third", "fourth"][N];
    const RETAIN: usize = N;
}

/// What is counted, and what goes wrong.
#[derive(Default)]
struct Tally {
    published: AtomicU64,
    audited: AtomicU64,
    received: AtomicU64,
    delivered: AtomicU64,
    broken: AtomicU64,
    stop: AtomicBool,
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Checks that each publisher's numbers follow one another.
struct Audit {
    next: [Option<u64>; PUBLISHERS],
    tally: Arc<Tally>,
}

impl Audit {
    fn new(tally: &Arc<Tally>) -> Self {
        Self {
            next: [None; PUBLISHERS],
            tally: Arc::clone(tally),
        }
    }

    fn see(&mut self, event: &Number) {
        let next = &mut self.next[event.publisher];
        if next.is_some_and(|next| next != event.number) {
            add(&self.tally.broken);
        }
        *next = Some(event.number + 1);
    }
}

/// Calls a function for each of the channels.
macro_rules! on_each_channel {
    ($function:ident($($argument:expr),*)) => {
        [$function::<Custom<Numbered<0>>>($($argument),*),
         $function::<Custom<Numbered<1>>>($($argument),*),
         $function::<Custom<Numbered<2>>>($($argument),*),
         $function::<Custom<Numbered<3>>>($($argument),*)]
    };
}

/// A listener that stays, and counts for the balance.
fn audit<C: Channel<Event = Number>>(hub: &Hub, tally: &Arc<Tally>) -> Subscription {
    let mut audit = Audit::new(tally);
    hub.listen::<C>(move |event| {
        audit.see(event);
        add(&audit.tally.audited);
    })
}

/// A listener that comes and goes: one in ten of them inline, where no order is promised.
fn visit<C: Channel<Event = Number>>(hub: &Hub, tally: &Arc<Tally>, turn: usize) -> Subscription {
    let mut audit = Audit::new(tally);
    if turn.is_multiple_of(10) {
        return hub.listen_inline::<C>(move |_| add(&audit.tally.delivered));
    }
    hub.listen::<C>(move |event| {
        audit.see(event);
        add(&audit.tally.delivered);
    })
}

/// A receiver that stays, on a thread of its own.
fn receive<C: Channel<Event = Number>>(hub: &Hub, tally: &Arc<Tally>) -> thread::JoinHandle<()> {
    let receiver = hub.receiver::<C>();
    let mut audit = Audit::new(tally);
    thread::spawn(move || {
        for event in receiver.into_iter().flatten() {
            audit.see(&event);
            add(&audit.tally.received);
        }
    })
}

fn publish(hub: &Hub, tally: &Tally, publisher: usize) {
    for number in 0.. {
        if !tally.goes_on() {
            return;
        }
        let event = || Number { publisher, number };
        hub.publish::<Custom<Numbered<0>>>(event());
        hub.publish::<Custom<Numbered<1>>>(event());
        hub.publish::<Custom<Numbered<2>>>(event());
        hub.publish::<Custom<Numbered<3>>>(event());
        tally
            .published
            .fetch_add(CHANNELS as u64, Ordering::Relaxed);
    }
}

fn come_and_go(hub: &Hub, tally: &Arc<Tally>) -> u64 {
    let mut guests: Vec<_> = (0..LISTENERS / CHANNELS)
        .map(|turn| on_each_channel!(visit(hub, tally, turn)))
        .collect();
    let mut turn = 0;
    while tally.goes_on() {
        let place = turn * 7 % guests.len();
        guests[place] = on_each_channel!(visit(hub, tally, turn));
        turn += 1;
        thread::sleep(Duration::from_micros(100));
    }
    (turn * CHANNELS) as u64
}

/// What the process holds: bytes allocated, and kilobytes resident where the system says.
fn memory() -> String {
    let stats = ALLOCATOR.stats();
    let allocated = stats.bytes_allocated - stats.bytes_deallocated;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.map_or("unknown", str::trim);
    format!("{:>6} kB allocated, {resident} resident", allocated / 1_000)
}

fn main() -> ExitCode {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(60), |seconds| seconds.parse());
    let Ok(seconds) = seconds else {
        eprintln!("usage: soak [seconds]");
        return ExitCode::FAILURE;
    };
    println!("before:       {}", memory());

    let tally = Arc::new(Tally::default());
    let hub = Hub::new();
    let auditors = on_each_channel!(audit(&hub, &tally));
    let receivers = on_each_channel!(receive(&hub, &tally));
    let changes = thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (hub, tally) = (&hub, &tally);
            scope.spawn(move || publish(hub, tally, publisher));
        }
        let guests = scope.spawn(|| come_and_go(&hub, &tally));
        let begun = Instant::now();
        for tenth in 1..=10 {
            let until = Duration::from_secs(seconds) * tenth / 10;
            thread::sleep(until.saturating_sub(begun.elapsed()));
            println!("after {:>4.1} s: {}", until.as_secs_f64(), memory());
        }
        tally.stop.store(true, Ordering::Relaxed);
        guests.join().expect("it does not panic")
    });
    hub.flush();
    drop(auditors);
    drop(hub);
    for receiver in receivers {
        receiver.join().expect("it does not panic");
    }
    println!("at the end:   {}", memory());

    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let published = of(&tally.published);
    let rate = published / seconds.max(1);
    println!("{published} events ({rate} a second), {changes} listeners came and went,");
    println!("who were called {} times", of(&tally.delivered));
    let lost = published.abs_diff(of(&tally.audited)) + published.abs_diff(of(&tally.received));
    println!("lost: {lost}; out of order: {}", of(&tally.broken));
    if lost == 0 && of(&tally.broken) == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
