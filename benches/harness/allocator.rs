//! Weighs what is held in memory.
#![expect(
    unsafe_code,
    reason = "an allocator cannot be written in safe Rust; the crate itself forbids unsafe code"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// The system's allocator, with a balance of bytes while [`weigh`] asks for it. An allocator that
/// always counts costs two locked additions each time, which the timed workloads would pay; here
/// they pay a branch.
struct Scales;

#[global_allocator]
static ALLOCATOR: Scales = Scales;

static WEIGHING: AtomicBool = AtomicBool::new(false);
static BALANCE: AtomicIsize = AtomicIsize::new(0);

/// The bytes that are in use for as long as what `make` returns is there.
pub(crate) fn weigh(make: impl FnOnce() -> Box<dyn Any>) -> isize {
    BALANCE.store(0, Ordering::SeqCst);
    WEIGHING.store(true, Ordering::SeqCst);
    let held = make();
    WEIGHING.store(false, Ordering::SeqCst);
    let weight = BALANCE.load(Ordering::SeqCst);
    drop(held);
    weight
}

fn note(allocated: usize, freed: usize) {
    if WEIGHING.load(Ordering::Relaxed) {
        let change = allocated.cast_signed() - freed.cast_signed();
        BALANCE.fetch_add(change, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Scales {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are the ones that this asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
