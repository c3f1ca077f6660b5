//! signals2: signals and slots.

use signals2::{Connect1, Emit1, ScopedConnection, Signal};

use crate::harness::callbacks::Callbacks;
use crate::harness::event::Event;

pub(crate) struct Slots {
    signal: Signal<(Event,)>,
}

impl Callbacks for Slots {
    const NAME: &'static str = "signals2";
    const DIFFERS: &'static str = "does not isolate; the payload is cloned for each listener";

    type Guard = ScopedConnection;

    fn new() -> Self {
        Self {
            signal: Signal::new(),
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> ScopedConnection {
        self.signal.connect(move |event| listener(&event)).scoped()
    }

    fn end(&mut self, guard: ScopedConnection) {
        drop(guard);
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.signal.emit(event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        let signal = self.signal.clone();
        Some(move |event| {
            signal.emit(event);
        })
    }
}
