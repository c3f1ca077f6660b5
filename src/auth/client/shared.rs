//! A future that several callers wait for, and that any of them drives.
//!
//! There is no runtime here to drive it for them. A lock would hand the work from one to the next,
//! and a caller who has the lock but is not polled (the losing branch of a `select!`, a future in a
//! pile) would stop all the others. So nobody has it: whoever waits polls, whoever is dropped is
//! not missed, and the work goes on as long as one caller is left.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use crate::sync::{Mutex, MutexGuard};

/// A piece of work with one outcome for all who wait for it.
pub(super) struct Shared<T> {
    state: Mutex<State<T>>,
    bell: Arc<Bell>,
}

struct State<T> {
    /// The rest of the work: there unless it is being polled, is done, or has panicked.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    /// The thread that polls it at this moment.
    polled_by: Option<ThreadId>,
    outcome: Option<T>,
}

impl<T: Clone + Send + 'static> Shared<T> {
    pub(super) fn new(
        bell: Arc<Bell>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                work: Some(Box::pin(work)),
                polled_by: None,
                outcome: None,
            }),
            bell,
        })
    }

    /// Drives the work, together with whoever else waits for it, until it is done.
    ///
    /// # Panics
    ///
    /// When the work has panicked, here or in another caller's hands.
    pub(super) async fn outcome(&self) -> T {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &Context<'_>) -> Poll<T> {
        // Enlisted before looking, so that no change after the look goes unheard.
        let rings = self.bell.enlist(context.waker());
        let mut work = {
            let mut state = self.state();
            if let Some(outcome) = &state.outcome {
                return Poll::Ready(outcome.clone());
            }
            let Some(work) = state.work.take() else {
                assert!(
                    state.polled_by.is_some(),
                    "the token store or the identity provider has panicked in another caller's hands"
                );
                return Poll::Pending;
            };
            state.polled_by = Some(thread::current().id());
            work
        };

        let unwinding = Unwinding(self);
        let waker = Waker::from(Arc::clone(&self.bell));
        let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        mem::forget(unwinding);

        // In one go: whoever finds the work may take it at once.
        let mut state = self.state();
        state.polled_by = None;
        match polled {
            Poll::Ready(outcome) => {
                state.outcome = Some(outcome.clone());
                drop(state);
                self.bell.ring();
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                state.work = Some(work);
                drop(state);
                // Whoever came while it was polled may have come after a ring meant for all.
                self.bell.pass_on(rings);
                Poll::Pending
            }
        }
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }
}

/// Ends a poll that panics: the work is lost, and those who wait must learn of it.
struct Unwinding<'a, T>(&'a Shared<T>);

impl<T> Drop for Unwinding<'_, T> {
    fn drop(&mut self) {
        self.0.state().polled_by = None;
        self.0.bell.ring();
    }
}

/// Work that other work comes after.
pub(super) trait Precede: Send + Sync {
    /// Drives this work until what comes after may begin.
    ///
    /// That is when it is done or lost, and also when this very thread is polling it further up
    /// the stack: then a listener that it has called asks for something in its turn, and waiting
    /// would be waiting for oneself.
    fn poll_past(&self, context: &Context<'_>) -> Poll<()>;
}

impl<T: Clone + Send + 'static> Precede for Shared<T> {
    fn poll_past(&self, context: &Context<'_>) -> Poll<()> {
        {
            let state = self.state();
            let is_over = state.outcome.is_some();
            let is_lost = state.work.is_none() && state.polled_by.is_none();
            let is_below = state.polled_by == Some(thread::current().id());
            if is_over || is_lost || is_below {
                return Poll::Ready(());
            }
        }
        self.poll(context).map(drop)
    }
}

/// Wakes everyone who waits for anything of one client: whoever is woken looks for themselves.
pub(super) struct Bell(Mutex<Waiting>);

struct Waiting {
    wakers: Vec<Waker>,
    /// How often something has happened.
    rings: u64,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Waiting {
            wakers: Vec::new(),
            rings: 0,
        }))
    }

    /// Wakes this caller when something happens; tells how often something has happened so far.
    fn enlist(self: &Arc<Self>, waker: &Waker) -> u64 {
        // Work that waits for work of the same client: whoever drives it is enlisted already.
        if waker.data() == Arc::as_ptr(self).cast() {
            return self.waiting().rings;
        }
        let waker = waker.clone(); // somebody else's code, so not under the lock
        let mut waiting = self.waiting();
        if !waiting.wakers.iter().any(|known| known.will_wake(&waker)) {
            waiting.wakers.push(waker);
        }
        waiting.rings
    }

    /// Something has happened.
    pub(super) fn ring(&self) {
        let wakers = {
            let mut waiting = self.waiting();
            waiting.rings += 1;
            mem::take(&mut waiting.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes again if something has happened since.
    fn pass_on(&self, rings: u64) {
        let wakers = {
            let mut waiting = self.waiting();
            if waiting.rings == rings {
                return;
            }
            mem::take(&mut waiting.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// The work is ready to go on while it is still being polled, and then another caller comes,
    /// who cannot poll it and has not heard. The first is dropped; the second must not wait for
    /// ever.
    #[test]
    fn whoever_comes_between_the_ring_and_the_end_of_the_poll_is_woken() {
        let slot: Arc<Mutex<Option<Arc<Shared<()>>>>> = Arc::new(Mutex::new(None));
        let second = Arc::new(Woken::default());
        let work = {
            let (slot, second) = (Arc::clone(&slot), Arc::clone(&second));
            let mut polls = 0;
            poll_fn(move |context| {
                polls += 1;
                if polls > 1 {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                let shared = slot.lock().take().unwrap();
                let waker = Waker::from(Arc::clone(&second));
                thread::spawn(move || {
                    assert!(shared.poll(&Context::from_waker(&waker)).is_pending());
                })
                .join()
                .unwrap();
                Poll::Pending
            })
        };
        let shared = Shared::new(Arc::new(Bell::new()), work);
        *slot.lock() = Some(Arc::clone(&shared));

        let first = Context::from_waker(Waker::noop());
        assert!(shared.poll(&first).is_pending());
        assert!(second.0.load(Ordering::SeqCst));
    }
}
