//! Weighs what is held in memory.
#![expect(
    unsafe_code,
    reason = "an allocator cannot be written in safe Rust; the crate itself forbids unsafe code"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::cell::Cell;

/// The system's allocator, with a balance of bytes while [`weigh`] asks for it: the timed workloads
/// pay a branch.
struct Scales;

#[global_allocator]
static ALLOCATOR: Scales = Scales;

thread_local! {
    /// The balance of this thread while it weighs. Constant, and without a destructor: what is
    /// initialised at the first use would allocate within the allocator.
    static BALANCE: Cell<Option<isize>> = const { Cell::new(None) };
}

/// The bytes that this thread allocates in `make` and that are in use until its result is dropped.
/// Other threads do not count: that of a stalled contestant may still allocate.
pub(crate) fn weigh(make: impl FnOnce() -> Box<dyn Any>) -> isize {
    BALANCE.set(Some(0));
    let held = make();
    let weight = BALANCE.take().unwrap_or_default();
    drop(held);
    weight
}

fn note(allocated: usize, freed: usize) {
    if let Some(balance) = BALANCE.get() {
        let change = allocated.cast_signed() - freed.cast_signed();
        BALANCE.set(Some(balance + change));
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
