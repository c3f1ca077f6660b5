//! Refreshes on their way: one for a session, however many ask.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use super::queue::{Queue, Ticket};
use super::transaction::Inner;
use crate::auth::error::SessionError;
use crate::auth::machine::{Refresh, SessionId};
use crate::auth::provider::IdentityProvider;
use crate::auth::store::{Session, TokenStore};

#[derive(Default)]
pub(super) struct Flights {
    present: Option<Flight>,
    /// How many have landed: whoever has asked the machine before the last did must ask again.
    landed: u64,
}

/// A refresh on its way. It lives as long as somebody waits for it.
struct Flight {
    id: SessionId,
    landing: Weak<Ticket<Outcome>>,
}

/// What the provider has come to say, unless the session ended first.
type Outcome = Option<Result<Option<Session>, SessionError>>;

impl<P: IdentityProvider, S: TokenStore> Inner<P, S> {
    /// Renews the tokens of the session: once, however many ask. `landed` is how many refreshes had
    /// before the machine was asked; there is nothing to wait for if another has since.
    pub(super) fn refresh(
        self: &Arc<Self>,
        call: Refresh,
        landed: u64,
    ) -> Option<Arc<Ticket<Outcome>>> {
        let id = call.id;
        let mut flights = self.flights.lock();
        if flights.landed != landed {
            return None;
        }
        if let Some(Flight { id: of, landing }) = &flights.present
            && *of == id
            && let Some(landing) = landing.upgrade()
            && !landing.is_lost()
        {
            return Some(landing);
        }
        let inner = Arc::clone(self);
        let landing = Arc::new(Queue::new().push(|promise| async move {
            promise.keep(inner.fly(call).await);
            Vec::new()
        }));
        flights.present = Some(Flight {
            id,
            landing: Arc::downgrade(&landing),
        });
        Some(landing)
    }

    async fn fly(&self, Refresh { id, user, token }: Refresh) -> Outcome {
        let reply = self.provider().refresh(&user, &token);
        let reply = self.while_open(id, reply).await?;
        let received = self.now();
        // From here on, whoever asks takes another flight, and finds what this one has done.
        let refreshed = {
            let mut flights = self.flights.lock();
            flights.landed += 1;
            flights.present.take_if(|flight| flight.id == id);
            self.begin(move |machine, _| machine.refreshed(id, reply, received))
        };
        refreshed.outcome().await
    }

    pub(super) fn flights_landed(&self) -> u64 {
        self.flights.lock().landed
    }

    /// Waits for the provider's reply for as long as the session is open.
    async fn while_open<R>(&self, id: SessionId, reply: impl Future<Output = R>) -> Option<R> {
        let mut reply = pin!(reply);
        let seat = self.sessions().seat(0);
        poll_fn(|context| {
            seat.take(context.waker());
            match reply.as_mut().poll(context) {
                Poll::Ready(reply) => Poll::Ready(Some(reply)),
                Poll::Pending if self.machine().session_id() != Some(id) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
