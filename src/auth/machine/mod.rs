//! What follows what: the auth category as pure code.
//!
//! A [`Machine`] holds what is known of the session. Each of its verbs takes what a caller asked
//! or a provider replied, and gives the [`Step`] that comes next: something to ask of the store,
//! with what to do about its answer, or the end, with the events to publish. Whoever performs the
//! steps decides nothing; whoever decides has no lock, clock, store, network or hub. So each row of
//! the table of promises is a row of a test (`tests.rs`).
//!
//! One chain of steps is a *transaction*: it ends before the next begins, whatever becomes of the
//! future that asked for it. The network is never asked inside one. And events can only be the end
//! of one, so that no event comes before the write it tells of.
//!
//! - `refresh`: asking for the session, and renewing it
//! - `sign_in`: beginning, going on, completing
//! - `sign_out`: signing out, deleting the user

mod refresh;
mod sign_in;
mod sign_out;

pub(super) use self::refresh::{Refresh, SessionAsked};
pub use self::sign_in::SignInStep;
pub(super) use self::sign_in::{Attempt, NotSignedIn};
pub use self::sign_out::SignOutScope;
pub(super) use self::sign_out::{SignOutAsked, SignOutCall};

use super::channel::AuthEvent;
use super::error::{AuthFailure, CurrentUserError, SessionError, StoreError};
use super::provider::challenge::OpenChallenge;
use super::store::Session;
use super::user::AuthUser;

/// What is known of the session, and of the sign-in under way.
#[derive(Debug, Default)]
pub(super) struct Machine {
    session: Known,
    challenge: Option<OpenChallenge>,
    /// The sign-in that counts. A reply to any other is too late.
    attempt: Attempt,
    /// How many sessions there have been: the id of the present one.
    sessions: u64,
    /// How many sign-outs have been told of.
    sign_outs: u64,
    refreshes: Refreshes,
}

/// How the refreshes so far have ended.
#[derive(Debug, Default)]
struct Refreshes {
    count: u64,
    /// Why the last one has failed, if it has, and if its session is still the last.
    failure: Option<SessionError>,
}

/// What is known of the session.
#[derive(Debug, Default)]
enum Known {
    /// Nothing: the store has to be read.
    #[default]
    NotYet,
    Out,
    In(Held),
    /// The store has something in it that is to be removed before all else; and whether somebody
    /// was signed in, who is to be told that the session has ended.
    Spoilt {
        was_in: bool,
    },
}

/// A session, as held.
#[derive(Clone, Debug)]
struct Held {
    id: SessionId,
    session: Session,
    /// Whether the store has it too. It has not when the provider had already replaced the tokens
    /// and the store then failed: they are kept here, and saved by the next call.
    saved: bool,
    /// Whether a sign-out has begun.
    is_leaving: bool,
}

/// Tells one session from the next, so that what was asked for one does not touch another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(u64);

/// What comes next in a transaction.
#[must_use = "a transaction ends only when its steps are performed"]
pub(super) enum Step<A> {
    /// Read the store.
    Load(Then<Result<Option<Session>, StoreError>, A>),
    /// Write the store.
    Save(Session, Then<Result<(), StoreError>, A>),
    /// Empty the store.
    Clear(Then<Result<(), StoreError>, A>),
    /// Publish, and then tell the caller.
    End { publish: Vec<AuthEvent>, answer: A },
}

/// What follows when the store has answered.
type Then<R, A> = Box<dyn FnOnce(&mut Machine, R) -> Step<A> + Send>;

impl<A: 'static> Step<A> {
    /// The end, with nothing to publish.
    const fn silent(answer: A) -> Self {
        Self::End {
            publish: Vec::new(),
            answer,
        }
    }

    /// The end, with an event.
    fn publish(event: AuthEvent, answer: A) -> Self {
        Self::End {
            publish: vec![event],
            answer,
        }
    }

    /// This, and when it ends, an event before its others.
    fn preceded_by(self, event: AuthEvent) -> Self {
        match self {
            Self::Load(then) => Self::load(|machine, read| then(machine, read).preceded_by(event)),
            Self::Save(session, then) => Self::save(session, |machine, saved| {
                then(machine, saved).preceded_by(event)
            }),
            Self::Clear(then) => {
                Self::clear(|machine, cleared| then(machine, cleared).preceded_by(event))
            }
            Self::End {
                mut publish,
                answer,
            } => {
                publish.insert(0, event);
                Self::End { publish, answer }
            }
        }
    }

    fn load(
        then: impl FnOnce(&mut Machine, Result<Option<Session>, StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::Load(Box::new(then))
    }

    fn save(
        session: Session,
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::Save(session, Box::new(then))
    }

    fn clear(
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::Clear(Box::new(then))
    }
}

impl Machine {
    /// Who is signed in, whether or not the tokens have expired (F38).
    pub(super) fn current_user(&mut self) -> Step<Result<Option<AuthUser>, CurrentUserError>> {
        self.known(|machine, read| {
            Step::silent(match read {
                Ok(()) => Ok(machine.held().map(|held| held.session.user.clone())),
                Err(error) => Err(CurrentUserError::Store(error)),
            })
        })
    }

    /// The present session, if there is one.
    pub(super) fn session_id(&self) -> Option<SessionId> {
        self.held().map(|held| held.id)
    }

    /// How many refreshes have ended. A caller who finds that this has grown since they asked gets
    /// what has come of the last one: it was under way when they did.
    pub(super) const fn refreshes(&self) -> u64 {
        self.refreshes.count
    }

    /// Goes on when the store has been read, which happens once, and has nothing spoilt in it.
    fn known<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        match self.session {
            Known::Out | Known::In(_) => then(self, Ok(())),
            Known::NotYet => Step::load(|machine, stored| {
                let read = stored.map(|stored| match stored {
                    Some(session) => machine.hold(session),
                    None => machine.session = Known::Out,
                });
                then(machine, read)
            }),
            Known::Spoilt { was_in } => Step::clear(move |machine, cleared| {
                if cleared.is_err() {
                    return then(machine, cleared);
                }
                machine.session = Known::Out;
                let step = then(machine, Ok(()));
                if was_in {
                    step.preceded_by(session_spoilt())
                } else {
                    step
                }
            }),
        }
    }

    /// Takes up a session that is in the store, as a new one.
    fn hold(&mut self, session: Session) {
        self.sessions += 1;
        self.refreshes.failure = None;
        self.session = Known::In(Held {
            id: SessionId(self.sessions),
            session,
            saved: true,
            is_leaving: false,
        });
    }

    const fn held(&self) -> Option<&Held> {
        match &self.session {
            Known::In(held) => Some(held),
            Known::NotYet | Known::Out | Known::Spoilt { .. } => None,
        }
    }

    /// The session of this id, if it is still the present one.
    fn held_as(&self, id: SessionId) -> Option<&Held> {
        self.held().filter(|held| held.id == id)
    }
}

/// The end of a session that a sign-in was to replace, and that the store has lost on the way.
fn session_spoilt() -> AuthEvent {
    AuthEvent::TokenRefreshFailure {
        error: AuthFailure {
            name: "NotReadBack".to_owned(),
            message: StoreError::NotReadBack.to_string(),
        },
        session_ended: true,
    }
}

#[cfg(test)]
mod tests;
