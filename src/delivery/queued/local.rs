//! Callbacks that stay on one thread, and need not be `Send`.
//!
//! The callback lies in a table of its thread. The listener has a [`LocalCallback`], which is `Send` and
//! only names it; so everything that holds for a listener holds for a local one. The worker that calls
//! it never leaves the thread. If another thread ends the listener, the worker drops the callback.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::delivery::listener::ListenerName;
use crate::delivery::shared::panic_report::PanicOrigin;
use crate::delivery::shared::{HubShared, scope};
use crate::sync::Mutex;

thread_local! {
    static TABLE: Table = const { Table(RefCell::new(BTreeMap::new())) };
}

/// The callbacks of this thread. No borrow of it lasts while user code runs.
struct Table(RefCell<BTreeMap<CallbackId, Entry>>);

type CallbackId = u64;

struct Entry {
    name: ListenerName,
    channel: &'static str,
    shared: Arc<HubShared>,
    /// A `RefCell` of a callback. Shared during its call only.
    callback: Rc<dyn Any>,
}

impl Entry {
    /// Drops the callback: user code.
    fn discard(self) {
        let origin = || PanicOrigin::Listener(self.name.to_string());
        let discard = || scope::dispatch(self.shared.hub, || drop(self.callback));
        self.shared.isolate(Some(self.channel), origin, discard);
    }
}

impl Drop for Table {
    /// The thread ends, and its worker has been leaked: a panic here would end the process.
    fn drop(&mut self) {
        std::mem::take(self.0.get_mut())
            .into_values()
            .for_each(Entry::discard);
    }
}

/// `None` in the destructors of an ending thread, when its callbacks are gone.
fn table<R>(look: impl FnOnce(&mut BTreeMap<CallbackId, Entry>) -> R) -> Option<R> {
    TABLE.try_with(|table| look(&mut table.0.borrow_mut())).ok()
}

/// The callbacks of one hub on this thread, which it cannot leave.
#[derive(Clone)]
pub(crate) struct LocalCallbacks {
    shared: Arc<HubShared>,
    ended: Ended,
    stays_here: PhantomData<*const ()>,
}

/// The callbacks whose listeners have ended on another thread.
type Ended = Arc<Mutex<Vec<CallbackId>>>;

impl LocalCallbacks {
    pub(crate) fn new(shared: &Arc<HubShared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            ended: Arc::new(Mutex::new(Vec::new())),
            stays_here: PhantomData,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<HubShared> {
        &self.shared
    }

    /// Keeps the callback of a listener here, until the result is dropped.
    pub(crate) fn add<F: 'static>(
        &self,
        name: ListenerName,
        channel: &'static str,
        callback: F,
    ) -> LocalCallback {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let entry = Entry {
            name,
            channel,
            shared: Arc::clone(&self.shared),
            callback: Rc::new(RefCell::new(callback)),
        };
        table(|callbacks| callbacks.insert(id, entry));
        let ended = Arc::clone(&self.ended);
        LocalCallback { id, ended }
    }

    /// Drops the callbacks whose listeners have ended on another thread.
    pub(crate) fn discard_ended(&self) {
        let ended = std::mem::take(&mut *self.ended.lock());
        for id in ended {
            let entry = table(|callbacks| callbacks.remove(&id));
            entry.flatten().into_iter().for_each(Entry::discard);
        }
    }

    /// Drops all of them.
    pub(crate) fn discard_all(&self) {
        let hub = self.shared.hub;
        let own = table(|callbacks| {
            let (own, others): (BTreeMap<_, _>, _) = std::mem::take(callbacks)
                .into_iter()
                .partition(|(_, entry)| entry.shared.hub == hub);
            *callbacks = others;
            own
        });
        let own = own.unwrap_or_default();
        own.into_values().for_each(Entry::discard);
    }
}

/// Names a callback of one thread, on any thread.
pub(crate) struct LocalCallback {
    id: CallbackId,
    ended: Ended,
}

impl LocalCallback {
    /// Calls `call` with the callback, of type `F`. Does nothing when the callback is gone, or on
    /// another thread, where no worker calls this.
    pub(crate) fn with<F: 'static>(&self, call: impl FnOnce(&mut F)) {
        let callback = table(|callbacks| {
            callbacks
                .get(&self.id)
                .map(|entry| Rc::clone(&entry.callback))
        });
        let callback = callback.flatten().and_then(|any| any.downcast().ok());
        if let Some(callback) = callback {
            let callback: Rc<RefCell<F>> = callback;
            // Never borrowed already: a listener is not called while its call is under way.
            call(&mut callback.borrow_mut());
        }
    }
}

impl Drop for LocalCallback {
    fn drop(&mut self) {
        match table(|callbacks| callbacks.remove(&self.id)).flatten() {
            // The listener isolates this drop and counts its panic.
            Some(entry) => drop(entry.callback),
            None => self.ended.lock().push(self.id),
        }
    }
}
