//! A store that other clients share: rows F40 to F42.
//!
//! The store is the truth: at each use, the machine follows what the others have stored. It writes
//! only under the store's lock, and removes only what it has read.

use std::time::SystemTime;

use super::{Machine, SessionState, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::StoreError;
use crate::auth::store::Session;

impl Machine {
    /// Continues when the session is known, as [`with_session`](Self::with_session); that of a
    /// shared store is read at each use.
    pub(super) fn with_latest_session<A: 'static>(
        &mut self,
        now: SystemTime,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        self.with_changes(now, |machine, read, events| {
            // If the store cannot be read, the session stays as it is known.
            let is_known = machine.is_known();
            let read = if is_known { Ok(()) } else { read };
            then(machine, read).with_events_first(events)
        })
    }

    /// Continues when the store has been read or has failed, with the events of what other clients
    /// have done.
    pub(super) fn with_changes<A: 'static>(
        &mut self,
        now: SystemTime,
        then: impl FnOnce(&mut Self, Result<(), StoreError>, Vec<AuthEvent>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        let is_unsaved = self.active().is_some_and(|active| active.unsaved.is_some());
        if !self.is_shared || !self.is_known() || is_unsaved {
            return self.with_session(|machine, read| then(machine, read, Vec::new()));
        }
        Step::load(move |machine, stored| match stored {
            Ok(stored) => {
                let events = machine.take_over(stored, now);
                then(machine, Ok(()), events)
            }
            Err(error) => then(machine, Err(error), Vec::new()),
        })
    }

    /// Whether it is known if a user is signed in.
    const fn is_known(&self) -> bool {
        matches!(
            self.session,
            SessionState::SignedOut | SessionState::SignedIn(_)
        )
    }

    /// Continues under the lock of a shared store.
    pub(super) fn with_lock<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        if self.is_shared {
            Step::lock(then)
        } else {
            then(self, Ok(()))
        }
    }

    /// Follows what the store holds, and returns the events of the change.
    pub(super) fn take_over(&mut self, stored: Option<Session>, now: SystemTime) -> Vec<AuthEvent> {
        match (&mut self.session, stored) {
            (SessionState::SignedIn(active), Some(stored)) if active.is_still(&stored) => {
                Vec::new()
            }
            (SessionState::SignedIn(active), Some(stored))
                if active.session.user.user_id == stored.user.user_id =>
            {
                let is_renewed = !stored.tokens.are_those(&active.session.tokens)
                    && stored.tokens.are_valid_at(now);
                active.session = stored;
                active.unsaved = None;
                self.refreshes.failure = None;
                is_renewed
                    .then_some(AuthEvent::TokenRefresh)
                    .into_iter()
                    .collect() // F40
            }
            (SessionState::SignedIn(_), stored) => {
                self.session = SessionState::SignedOut;
                self.sign_out_count += 1;
                self.refreshes.failure = None;
                let mut events = vec![AuthEvent::SignedOut]; // F42
                events.extend(self.take_over(stored, now));
                events
            }
            (SessionState::Unloaded, stored) => {
                match stored {
                    Some(stored) => self.activate(stored),
                    None => self.session = SessionState::SignedOut,
                }
                Vec::new() // F38
            }
            (_, Some(stored)) => vec![self.follow(stored)],
            (_, None) => Vec::new(),
        }
    }

    /// Another client has signed in.
    pub(super) fn follow(&mut self, stored: Session) -> AuthEvent {
        let user = stored.user.clone();
        self.activate(stored);
        AuthEvent::SignedIn { user }
    }
}
