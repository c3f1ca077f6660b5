//! The desks of a thread, for what it publishes without a publisher.

use std::any::Any;
use std::cell::RefCell;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::InlineListeners;
use super::desk::{Desk, Sheet};
use crate::channel::Channel;

/// By the numbers of their channels. Borrowed for a look, never while a callback runs.
type Desks = RefCell<Vec<Option<Box<dyn Any>>>>;

thread_local! {
    static DESKS: Desks = const { RefCell::new(Vec::new()) };
}

/// A thread's desk at one channel. It is closed when the thread ends, or when another channel has
/// got the number of this one.
struct Own<C: Channel> {
    desk: Desk<C>,
    listeners: Weak<InlineListeners<C>>,
}

impl<C: Channel> Drop for Own<C> {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.close_desk(&self.desk);
        }
    }
}

/// Counts an event at this thread's desk, and says who is there for it. `None` in the destructors
/// of an ending thread, where its desks are gone.
#[inline]
pub(super) fn accept<C: Channel>(listeners: &Arc<InlineListeners<C>>) -> Option<Arc<Sheet<C>>> {
    let sheet = DESKS.try_with(|desks| {
        accept_at(desks, listeners).or_else(|| {
            set_up(desks, listeners);
            accept_at(desks, listeners)
        })
    });
    sheet.ok().flatten()
}

#[inline]
fn accept_at<C: Channel>(
    desks: &Desks,
    listeners: &Arc<InlineListeners<C>>,
) -> Option<Arc<Sheet<C>>> {
    let desks = desks.borrow();
    let own = desks.get(listeners.number.0)?.as_ref()?;
    let own: &Own<C> = own.downcast_ref()?;
    let is_its = ptr::eq(own.listeners.as_ptr(), Arc::as_ptr(listeners));
    is_its.then(|| listeners.accept_at(&own.desk))
}

#[cold]
fn set_up<C: Channel>(desks: &Desks, listeners: &Arc<InlineListeners<C>>) {
    let own = Own {
        desk: Desk::new(),
        listeners: Arc::downgrade(listeners),
    };
    let Number(place) = listeners.number;
    let mut desks = desks.borrow_mut();
    if desks.len() <= place {
        desks.resize_with(place + 1, || None);
    }
    desks[place] = Some(Box::new(own));
}

/// The number of a channel, which no other has at the same time: small, to find its desks by.
pub(super) struct Number(usize);

struct Numbers {
    next: usize,
    free: Vec<usize>,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    next: 0,
    free: Vec::new(),
});

impl Number {
    pub(super) fn take() -> Self {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.free.pop().unwrap_or(numbers.next);
        numbers.next = numbers.next.max(number + 1);
        Self(number)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.free.push(self.0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;
    use crate::delivery::audience::Audience;
    use crate::delivery::context::Context;

    enum Nothing {}

    impl Channel for Nothing {
        type Event = ();
        const NAME: &'static str = "nothing";
    }

    fn listeners() -> Arc<InlineListeners<Nothing>> {
        let context = Arc::new(Context::new(Arc::new(|_| {})));
        Arc::new(InlineListeners::new(Arc::new(Audience::new(context))))
    }

    fn desks(listeners: &InlineListeners<Nothing>) -> [usize; 2] {
        let state = listeners.state.lock();
        [state.tallies.len(), state.sheets.len()]
    }

    #[test]
    fn a_thread_has_one_desk_and_closes_it_when_it_ends() {
        let listeners = listeners();
        let publishing = Arc::clone(&listeners);
        let publisher = thread::spawn(move || {
            (0..3).for_each(|_| publishing.publish_now(&(), None));
            assert_eq!(desks(&publishing), [1, 1]);
        });
        publisher.join().unwrap();
        assert_eq!(desks(&listeners), [0, 0]);
        assert_eq!(listeners.published(), 3);
    }

    #[test]
    fn numbers_stay_small_however_many_channels_come_and_go() {
        let first = listeners();
        let numbers = (0..1_000).map(|_| listeners().number.0);
        // Other tests take some meanwhile.
        assert!(numbers.max() < Some(first.number.0 + 100));
    }
}
