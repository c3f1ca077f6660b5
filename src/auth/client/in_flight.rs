//! The refresh in flight: one for a session, however many callers ask (single-flight).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use super::queue::{JobHandle, Queue};
use super::store_lock::{LockShare, attend, until_lost};
use super::transaction::{CHANGE, Inner};
use crate::auth::error::SessionError;
use crate::auth::machine::{Machine, Refresh, RefreshOutcome, RefreshStart, SessionId};
use crate::auth::provider::IdentityProvider;
use crate::auth::store::TokenStore;

#[derive(Default)]
pub(super) struct SingleFlight {
    in_flight: Option<InFlight>,
    /// How many refreshes have ended. A caller that asked the machine in an earlier generation must
    /// ask again.
    generation: u64,
}

impl SingleFlight {
    fn end(&mut self, id: SessionId) {
        self.generation += 1;
        self.in_flight.take_if(|in_flight| in_flight.id == id);
    }
}

/// A refresh in flight. It lives as long as a caller waits for it.
struct InFlight {
    id: SessionId,
    job: Weak<JobHandle<RefreshOutcome>>,
}

impl<P: IdentityProvider, S: TokenStore> Inner<P, S> {
    /// Renews the tokens of the session, or joins the refresh in flight. `generation` is that of
    /// the time before the machine was asked; `None` if a refresh has ended since.
    pub(super) fn join_refresh(
        self: &Arc<Self>,
        call: Refresh,
        generation: u64,
    ) -> Option<Arc<JobHandle<RefreshOutcome>>> {
        let id = call.id;
        let mut refresh = self.refresh.lock();
        if refresh.generation != generation {
            return None;
        }
        if let Some(InFlight { id: of, job }) = &refresh.in_flight
            && *of == id
            && let Some(job) = job.upgrade()
            && !job.has_panicked()
        {
            return Some(job);
        }
        let inner = Arc::clone(self);
        let job = Arc::new(Queue::new().push(|completer| async move {
            completer.complete(inner.run_refresh(call).await);
            Vec::new()
        }));
        refresh.in_flight = Some(InFlight {
            id,
            job: Arc::downgrade(&job),
        });
        Some(job)
    }

    async fn run_refresh(&self, call: Refresh) -> RefreshOutcome {
        let id = call.id;
        let mut next = call;
        let (call, lock, reply) = 'request: loop {
            let (call, mut lock) = match self.begin_refresh(next).await {
                Ok((call, lock)) => (call, Ok(lock)),
                Err(outcome) => return self.end_flight(id, outcome),
            };
            let Some(token) = &call.tokens.refresh else {
                return RefreshOutcome::Stale;
            };
            let reply = self.provider().refresh(&call.user, token);
            let mut reply = pin!(self.while_open(id, reply));
            let mut is_sent = false;
            loop {
                let held = lock.as_ref().ok().and_then(Option::as_ref);
                let request = async {
                    is_sent = true;
                    reply.as_mut().await
                };
                if let Some(reply) = until_lost(held, request).await {
                    break 'request (call.clone(), lock, reply);
                }
                // The lock is lost. The request goes on under it, or ends: sent now, a token that
                // another client has used since could end the session.
                match self.begin_refresh(call.clone()).await {
                    Ok((again, _)) if again.tokens != call.tokens => {
                        next = again;
                        continue 'request;
                    }
                    Ok((_, locked)) => lock = Ok(locked),
                    // The answer may have the only token that is good from now on.
                    Err(RefreshOutcome::Failed(SessionError::Store(error))) if is_sent => {
                        lock = Err(error);
                    }
                    Err(outcome) => return self.end_flight(id, outcome),
                }
            }
        };
        let Some(reply) = reply else {
            return RefreshOutcome::Stale;
        };
        let received = self.now();
        // From here on, a caller that asks begins another refresh, and finds what this one has done.
        let refreshed = {
            let mut refresh = self.refresh.lock();
            refresh.end(id);
            match lock {
                // The transaction keeps the lock until the new tokens are stored.
                Ok(lock) => self.submit_locked(lock, move |machine, _| {
                    machine.on_refresh_reply(call, reply, received)
                }),
                Err(failed) => self.submit(move |machine, _| {
                    machine.on_reply_unread(&call, reply, received, failed)
                }),
            }
        };
        refreshed.outcome().await
    }

    /// Takes the lock of a shared store, and reads there what is to be sent. The error is the
    /// outcome without a request.
    async fn begin_refresh(
        &self,
        call: Refresh,
    ) -> Result<(Refresh, Option<LockShare>), RefreshOutcome> {
        if !self.is_shared() {
            return Ok((call, None));
        }
        let Some(lock) = self.while_open(call.id, self.lock_store()).await else {
            return Err(RefreshOutcome::Stale);
        };
        let (locked, lock) = match lock {
            Ok(lock) => (Ok(()), Some(lock)),
            Err(error) => (Err(error), None),
        };
        let start = move |machine: &mut Machine, now| machine.begin_refresh(call, locked, now);
        let started = self.submit(start);
        match attend(lock.as_ref(), started.outcome()).await {
            RefreshStart::Send(call) => Ok((call, lock)),
            RefreshStart::Done(outcome) => Err(outcome),
        }
    }

    /// Ends the flight with this outcome: from here on, a caller that asks begins another refresh.
    fn end_flight(&self, id: SessionId, outcome: RefreshOutcome) -> RefreshOutcome {
        self.refresh.lock().end(id);
        outcome
    }

    pub(super) fn refresh_generation(&self) -> u64 {
        self.refresh.lock().generation
    }

    /// Waits for the provider's reply for as long as the session is open.
    async fn while_open<R>(&self, id: SessionId, reply: impl Future<Output = R>) -> Option<R> {
        let mut reply = pin!(reply);
        let waiter = self.changes().waiter(CHANGE);
        poll_fn(|context| {
            waiter.register(context.waker());
            match reply.as_mut().poll(context) {
                Poll::Ready(reply) => Poll::Ready(Some(reply)),
                Poll::Pending if self.machine().session_id() != Some(id) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
