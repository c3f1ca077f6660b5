//! What a page cannot do. It has one thread: a method that blocks it would wait for itself. Each has an
//! async twin, which the compiler names.

use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::listener::subscription_set::SubscriptionSet;
use crate::delivery::queued::dispatcher::Worker;
use crate::delivery::receiver::Receiver;
use crate::delivery::receiver::received::Received;
use crate::error::{RecvError, RecvTimeoutError, WaitTimeout};
use crate::hub::{Hub, LocalWorker};

/// The methods of a type that blocks its thread. No type of a page does.
#[diagnostic::on_unimplemented(
    message = "the one thread of a page cannot block: this `{Self}` has async methods instead",
    label = "this would block the page for ever",
    note = "`recv`, `recv_timeout`, `recv_deadline`, `iter`, `ready_signal` → `recv_async().await`, `try_recv`, `drain`, or a `Stream`",
    note = "`flush` → `flush_async().await`; `close` → `close_async().await`",
    note = "`wait_for` → `wait_for_async(…).await`; `wait_for_with` → `wait_for_async_with(…).await`",
    note = "`run` → `Hub::new()` needs no worker here; of a worker, `arrived().await`, then `run_pending_for(…)`, in a frame"
)]
trait Block {}

/// Declares methods that no program can call. The bound has a lifetime, so that the compiler looks at it
/// when a program calls the method.
macro_rules! refuse {
    ($($method:ident$(::<$parameter:ident: $bound:ident>)?(
        $receiver:ty $(=> $($argument:ident: $type:ty),+)?
    ) $(-> $result:ty)?;)+) => {$(
        #[doc(hidden)]
        #[expect(private_bounds, reason = "nothing outside implements it")]
        pub fn $method$(<$parameter: $bound>)?(self: $receiver $(, $($argument: $type),+)?) $(-> $result)?
        where
            for<'page> Self: Block,
        {
            $($(let _ = $argument;)+)?
            unreachable!("nothing implements `Block`")
        }
    )+};
}

impl Hub {
    refuse! {
        flush(&Self);
        wait_for::<C: Channel>(
            &Self => predicate: impl FnMut(&C::Event) -> bool, timeout: Duration
        ) -> Result<Received<C>, WaitTimeout>;
        wait_for_with::<C: Channel>(
            &Self => replay: Replay, predicate: impl FnMut(&C::Event) -> bool, timeout: Duration
        ) -> Result<Received<C>, WaitTimeout>;
    }
}

impl<C: Channel> Receiver<C> {
    refuse! {
        recv(&mut Self) -> Result<Received<C>, RecvError>;
        recv_timeout(&mut Self => timeout: Duration) -> Result<Received<C>, RecvTimeoutError>;
        recv_deadline(&mut Self => deadline: Instant) -> Result<Received<C>, RecvTimeoutError>;
        iter(&mut Self) -> std::iter::Empty<Received<C>>;
        ready_signal(&Self) -> &crossbeam_channel::Receiver<()>;
    }
}

impl Subscription {
    refuse! {
        close(Self);
    }
}

impl SubscriptionSet {
    refuse! {
        close(Self);
    }
}

impl Worker {
    refuse! {
        run(&mut Self);
    }
}

impl LocalWorker {
    refuse! {
        run(&Self);
    }
}
