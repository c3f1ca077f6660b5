//! Transactions: the machine's decisions carried out, one after the other.
//!
//! A transaction is begun by a caller and then belongs to the client: if the caller is dropped, the
//! next one carries it through. So tokens that have come are never lost between the provider and
//! the store, and no event is lost between the store and the hub.

use std::future::poll_fn;
#[cfg(feature = "redirect")]
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
#[cfg(feature = "redirect")]
use std::time::Duration;
use std::time::SystemTime;

use super::in_flight::Flights;
use super::queue::{Delivery, Promise, Queue, Ticket};
use super::wakers::Bell;
use crate::auth::channel::{Auth, AuthEvent, KEY};
use crate::auth::clock::Clock;
#[cfg(feature = "loopback")]
use crate::auth::error::RedirectError;
use crate::auth::error::{NewClientError, SessionError};
#[cfg(feature = "redirect")]
use crate::auth::machine::CallbackId;
use crate::auth::machine::{Machine, SessionAsked, SessionId, Step, Write};
use crate::auth::provider::IdentityProvider;
#[cfg(feature = "loopback")]
use crate::auth::secret::RedirectState;
use crate::auth::store::TokenStore;
use crate::hub::{Claim, Hub};
use crate::sync::{Mutex, MutexGuard};

/// What the handles of one client share.
///
/// Its fields are dropped in this order: the transactions that hold the edge, the edge with its claim
/// of the hub, and last those who wait for the end of the client are told.
pub(super) struct Inner<P, S> {
    transactions: Arc<Queue>,
    edge: Arc<Edge<P, S>>,
    pub(super) flights: Mutex<Flights>,
    #[cfg(feature = "redirect")]
    pub(super) redirect_wait: Duration,
    /// How many callbacks have been handed in.
    #[cfg(feature = "redirect")]
    callbacks: Mutex<u64>,
    _end: End,
}

/// What transactions act on. They hold this and not [`Inner`], which holds them.
struct Edge<P, S> {
    provider: P,
    store: S,
    auth: Claim<Auth>,
    clock: Arc<dyn Clock>,
    machine: Arc<Mutex<Machine>>,
    /// Rings when a session, or a sign-in by redirect, begins or ends.
    sessions: Arc<Bell>,
}

impl<P: IdentityProvider, S: TokenStore> Inner<P, S> {
    /// Claims `Auth` for as long as this lives.
    pub(super) fn new(
        provider: P,
        store: S,
        hub: &Hub,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NewClientError<P, S>> {
        let Some(auth) = hub.claim::<Auth>(&KEY) else {
            return Err(NewClientError::new(provider, store));
        };
        let sessions = Bell::new();
        Ok(Self {
            _end: End(Arc::clone(&sessions)),
            edge: Arc::new(Edge {
                provider,
                store,
                auth,
                clock,
                machine: Arc::new(Mutex::new(Machine::default())),
                sessions,
            }),
            transactions: Queue::new(),
            flights: Mutex::new(Flights::default()),
            #[cfg(feature = "redirect")]
            redirect_wait: Duration::ZERO,
            #[cfg(feature = "redirect")]
            callbacks: Mutex::new(0),
        })
    }

    #[cfg(feature = "redirect")]
    pub(super) fn waiting(mut self, redirect_wait: Duration) -> Self {
        self.redirect_wait = redirect_wait;
        self
    }

    #[cfg(feature = "redirect")]
    pub(super) fn next_callback(&self) -> CallbackId {
        let mut callbacks = self.callbacks.lock();
        *callbacks += 1;
        CallbackId(*callbacks)
    }

    /// Ends when the session is another, and when the client is gone. It does not hold the client, not
    /// even while it is polled: the last handle frees the hub at once.
    pub(super) fn session_is_not(
        self: &Arc<Self>,
        present: Option<SessionId>,
    ) -> impl Future<Output = ()> + Send + use<P, S> {
        let sessions = Arc::clone(&self.edge.sessions);
        let inner = Arc::downgrade(self);
        let machine = Arc::downgrade(&self.edge.machine);
        async move {
            let seat = sessions.seat(0);
            poll_fn(|context| {
                seat.take(context.waker());
                match machine.upgrade() {
                    Some(machine)
                        if inner.strong_count() > 0 && machine.lock().session_id() == present =>
                    {
                        Poll::Pending
                    }
                    _ => Poll::Ready(()),
                }
            })
            .await;
        }
    }

    /// Waits until no redirect is under way, or for as long as `limit` does.
    #[cfg(feature = "redirect")]
    pub(super) async fn until_not_redirecting(&self, limit: impl Future<Output = ()>) {
        let mut limit = pin!(limit);
        let seat = self.edge.sessions.seat(0);
        poll_fn(|context| {
            seat.take(context.waker());
            if self.machine().is_redirecting() {
                limit.as_mut().poll(context)
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Waits until nobody comes back to the redirect of this state any more, and says why.
    #[cfg(feature = "loopback")]
    pub(super) async fn until_redirect_over(&self, state: &RedirectState) -> RedirectError {
        let seat = self.edge.sessions.seat(0);
        poll_fn(|context| {
            seat.take(context.waker());
            let over = self.machine().redirect_over(state);
            over.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Begins a transaction. From here on it will happen, before any that is begun later.
    pub(super) fn begin<A: Clone + Send + 'static>(
        &self,
        first: impl FnOnce(&mut Machine, SystemTime) -> Step<A> + Send + 'static,
    ) -> Ticket<A> {
        let edge = Arc::clone(&self.edge);
        self.transactions.push(|promise| async move {
            let (events, answer) = edge.perform(first).await;
            edge.deliveries(events, promise, answer)
        })
    }

    /// Whether there is a session to answer with. `ended` is how many refreshes had when the caller
    /// asked.
    pub(super) fn ask(
        &self,
        force: bool,
        ended: u64,
    ) -> Ticket<Result<SessionAsked, SessionError>> {
        self.begin(move |machine, now| machine.session(force, ended, now))
    }

    pub(super) fn refreshes_ended(&self) -> u64 {
        self.machine().refreshes()
    }

    pub(super) fn provider(&self) -> &P {
        &self.edge.provider
    }

    pub(super) fn now(&self) -> SystemTime {
        self.edge.clock.now()
    }

    pub(super) fn sessions(&self) -> &Bell {
        &self.edge.sessions
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.edge.machine.lock()
    }
}

/// Tells those who wait without holding the client that it is gone.
struct End(Arc<Bell>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl<P: IdentityProvider, S: TokenStore> Edge<P, S> {
    async fn perform<A>(
        &self,
        first: impl FnOnce(&mut Machine, SystemTime) -> Step<A>,
    ) -> (Vec<AuthEvent>, A) {
        let now = self.clock.now();
        let mut step = self.decide(|machine| first(machine, now));
        loop {
            step = match step {
                Step::Load(then) => {
                    let stored = self.store.load().await;
                    self.decide(|machine| then(machine, stored))
                }
                Step::LoadRedirect(then) => {
                    let stored = self.store.load_redirect().await;
                    self.decide(|machine| then(machine, stored))
                }
                Step::Write(write, then) => {
                    let written = match write {
                        Write::Save(session) => self.store.save(&session).await,
                        Write::Clear => self.store.clear().await,
                        #[cfg(feature = "redirect")]
                        Write::SaveRedirect(pending) => self.store.save_redirect(&pending).await,
                        Write::ClearRedirect => self.store.clear_redirect().await,
                    };
                    self.decide(|machine| then(machine, written))
                }
                Step::End { publish, answer } => return (publish, answer),
            };
        }
    }

    fn decide<A>(&self, what: impl FnOnce(&mut Machine) -> Step<A>) -> Step<A> {
        let (step, is_another) = {
            let mut machine = self.machine.lock();
            let before = (machine.session_id(), machine.redirect_turns());
            let step = what(&mut machine);
            let after = (machine.session_id(), machine.redirect_turns());
            (step, after != before)
        };
        if is_another {
            self.sessions.ring();
        }
        step
    }

    /// What is left to do when the machine has decided: the answer is there after the last event.
    fn deliveries<A: Send + 'static>(
        self: Arc<Self>,
        mut events: Vec<AuthEvent>,
        promise: Promise<A>,
        answer: A,
    ) -> Vec<Delivery> {
        let Some(last) = events.pop() else {
            promise.keep(answer);
            return Vec::new();
        };
        let mut deliveries = Vec::<Delivery>::new();
        for event in events {
            let edge = Arc::clone(&self);
            deliveries.push(Box::new(move || edge.publish(event)));
        }
        deliveries.push(Box::new(move || {
            self.publish(last);
            promise.keep(answer);
        }));
        deliveries
    }

    /// The one place where the auth category publishes. It never waits.
    fn publish(&self, event: AuthEvent) {
        self.auth.publish_unbounded(&KEY, event);
    }
}
