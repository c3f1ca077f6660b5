//! The limit of asynchronous delivery: one ring of slots that are read in place by readers, each
//! of which has a cursor. Whoever has to wait does so briefly, then parks.
#![expect(
    unsafe_code,
    reason = "slots that are read in place without a lock are what safe Rust cannot write; the crate itself forbids unsafe code"
)]

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::mem::{MaybeUninit, needs_drop};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use crate::harness::broadcast::{Broadcast, Ends};
use crate::harness::delivery::{CAPACITY, lock};
use crate::harness::event::{Event, Payload};

pub(crate) struct Ring;

impl Broadcast for Ring {
    const NAME: &'static str = "limit: ring in place, unsafe, parks";
    const IS_LIMIT: bool = true;

    type Sender<P: Payload> = Sender<P>;
    type Reader<P: Payload> = Reader<P>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Sender<P>, Reader<P>> {
        let ring = Arc::new(Slots::new(readers));
        let end = Arc::new(End(Arc::clone(&ring)));
        let writer = Arc::new(Mutex::new(Writer::default()));
        let sender = |_| Sender {
            // One writer needs no lock.
            writer: if senders == 1 {
                Access::Own(Writer::default())
            } else {
                Access::Shared(Arc::clone(&writer))
            },
            ring: Arc::clone(&end),
        };
        let reader = |index| Reader {
            index,
            read: 0,
            ring: Arc::clone(&ring),
        };
        (
            (0..senders).map(sender).collect(),
            (0..readers).map(reader).collect(),
        )
    }

    #[inline]
    fn send<P: Payload>(sender: &mut Sender<P>, payload: P) {
        match &mut sender.writer {
            Access::Own(writer) => writer.write(&sender.ring.0, payload),
            Access::Shared(writer) => lock(writer).write(&sender.ring.0, payload),
        }
    }

    fn recv<P: Payload>(reader: &mut Reader<P>, listener: impl FnMut(&Event)) -> bool {
        reader.wait();
        reader.read(listener)
    }

    fn try_recv<P: Payload>(reader: &mut Reader<P>, listener: impl FnMut(&Event)) -> bool {
        reader.read(listener)
    }
}

pub(crate) struct Sender<P> {
    writer: Access,
    ring: Arc<End<P>>,
}

enum Access {
    Own(Writer),
    Shared(Arc<Mutex<Writer>>),
}

/// The senders' common hold on the ring: the last of them ends it.
struct End<P>(Arc<Slots<P>>);

pub(crate) struct Reader<P> {
    index: usize,
    read: usize,
    ring: Arc<Slots<P>>,
}

/// What a writer knows without asking.
#[derive(Default)]
struct Writer {
    written: usize,
    /// It may write up to here.
    room: usize,
}

struct Slots<P> {
    all: Box<[Slot<P>]>,
    written: Line<AtomicUsize>,
    closed: AtomicBool,
    cursors: Box<[Line<Cursor>]>,
    sleeping_readers: Line<AtomicUsize>,
    writer: Line<Bed>,
}

/// A slot has one line of cache where the payload is 64 bytes.
#[repr(align(64))]
struct Slot<P>(UnsafeCell<MaybeUninit<P>>);

/// Apart from what other threads write.
#[derive(Default)]
#[repr(align(128))]
struct Line<T>(T);

#[derive(Default)]
struct Cursor {
    read: AtomicUsize,
    bed: Bed,
}

/// Where a thread sleeps.
#[derive(Default)]
struct Bed {
    asleep: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

// SAFETY: a slot is written by the one writer (alone, or under the lock) while no reader may read
// it, and read by readers while the writer may not write it: `written` and the cursors see to
// both. Readers share what is in it, hence `Sync`; the writer drops it, hence `Send`.
unsafe impl<P: Send + Sync> Sync for Slots<P> {}

impl Writer {
    #[inline]
    fn write<P>(&mut self, ring: &Slots<P>, payload: P) {
        if self.written == self.room {
            self.room = ring.wait_for_room(self.written);
        }
        let slot = ring.all[self.written % CAPACITY].0.get();
        // SAFETY: all readers are past what was in this slot, and none goes there before `written`
        // says so. It holds a payload from the second time around.
        unsafe {
            if needs_drop::<P>() && self.written >= CAPACITY {
                (*slot).assume_init_drop();
            }
            (*slot).write(payload);
        }
        self.written += 1;
        // In one order with what a reader does that is about to sleep.
        ring.written.0.swap(self.written, Ordering::SeqCst);
        if ring.sleeping_readers.0.load(Ordering::SeqCst) > 0 {
            ring.wake_readers();
        }
    }
}

impl<P: Payload> Reader<P> {
    fn wait(&self) {
        let ring = &*self.ring;
        let ready = || {
            ring.written.0.load(Ordering::SeqCst) != self.read || ring.closed.load(Ordering::SeqCst)
        };
        if !wait_briefly(ready) {
            ring.sleeping_readers.0.fetch_add(1, Ordering::SeqCst);
            ring.cursors[self.index].0.bed.sleep_until(ready);
            ring.sleeping_readers.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Reads what is there, or so much of it that the writer has not to wait for the rest.
    fn read(&mut self, mut listener: impl FnMut(&Event)) -> bool {
        let ring = &*self.ring;
        let written = ring.written.0.load(Ordering::Acquire);
        let end = written.min(self.read + CAPACITY / 8);
        if end == self.read {
            return false;
        }
        for place in self.read..end {
            let slot = ring.all[place % CAPACITY].0.get();
            // SAFETY: it has been written, and is not written again before this reader's cursor
            // is past it.
            listener(unsafe { (*slot).assume_init_ref() }.event());
        }
        self.read = end;
        ring.cursors[self.index].0.read.swap(end, Ordering::SeqCst);
        if ring.writer.0.asleep.load(Ordering::SeqCst) && ring.free(written) {
            ring.writer.0.wake();
        }
        true
    }
}

impl<P> Slots<P> {
    fn new(readers: usize) -> Self {
        let empty = || Slot(UnsafeCell::new(MaybeUninit::uninit()));
        Self {
            all: (0..CAPACITY).map(|_| empty()).collect(),
            written: Line::default(),
            closed: AtomicBool::new(false),
            cursors: (0..readers).map(|_| Line::default()).collect(),
            sleeping_readers: Line::default(),
            writer: Line::default(),
        }
    }

    /// Up to where the writer may write, which is beyond `written`.
    #[cold]
    fn wait_for_room(&self, written: usize) -> usize {
        if self.slowest() + CAPACITY == written && !wait_briefly(|| self.free(written)) {
            self.writer.0.sleep_until(|| self.free(written));
        }
        self.slowest() + CAPACITY
    }

    /// Whether there is so much room that it is worth going on.
    fn free(&self, written: usize) -> bool {
        self.slowest() + CAPACITY / 2 >= written
    }

    fn slowest(&self) -> usize {
        let cursors = self.cursors.iter();
        let read = cursors.map(|cursor| cursor.0.read.load(Ordering::SeqCst));
        read.min().unwrap_or(usize::MAX - CAPACITY)
    }

    #[cold]
    fn wake_readers(&self) {
        for cursor in &self.cursors {
            cursor.0.bed.wake();
        }
    }
}

impl Bed {
    fn sleep_until(&self, ready: impl Fn() -> bool) {
        *lock(&self.thread) = Some(thread::current());
        loop {
            self.asleep.store(true, Ordering::SeqCst);
            if ready() {
                self.asleep.store(false, Ordering::SeqCst);
                return;
            }
            thread::park();
        }
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = &*lock(&self.thread)
        {
            thread.unpark();
        }
    }
}

/// Waits a little, and says whether that was enough. First for about a microsecond at a time without
/// touching what others write, since looking all the time would slow the other side down; then by
/// letting others have the core, so that there is more to do the next time.
fn wait_briefly(ready: impl Fn() -> bool) -> bool {
    for _ in 0..4 {
        if ready() {
            return true;
        }
        (0..24).for_each(|_| spin_loop());
    }
    for _ in 0..8 {
        if ready() {
            return true;
        }
        thread::yield_now();
    }
    ready()
}

impl<P> Drop for End<P> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.wake_readers();
    }
}

impl<P> Drop for Slots<P> {
    fn drop(&mut self) {
        let written = *self.written.0.get_mut();
        for slot in self.all.iter_mut().take(written) {
            // SAFETY: the first `written` slots hold a payload each, all of them from the second
            // time around, and nobody else is there any more.
            unsafe { slot.0.get_mut().assume_init_drop() };
        }
    }
}
