//! Asking for the session, and renewing it: rows F11 to F18.

use std::time::{Duration, SystemTime};

use super::{Held, Known, Machine, Refreshes, SessionId, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{AuthFailure, ProviderError, ProviderErrorKind, SessionError, StoreError};
use crate::auth::secret::RefreshToken;
use crate::auth::store::Session;
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

/// What there is to say to a caller who asks for the session.
#[derive(Clone, Debug)]
pub(crate) enum SessionAsked {
    /// This is it: a session with valid tokens, or none.
    Answered(Option<Session>),
    /// The tokens have to be renewed first.
    Refresh(Refresh),
}

/// When the present session is to be refreshed ahead of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Now(Option<SessionId>),
    In(Duration, Option<SessionId>),
    /// There is no session, or nothing to refresh it with.
    Never(Option<SessionId>),
}

impl Due {
    pub(crate) const fn session(self) -> Option<SessionId> {
        match self {
            Self::Now(session) | Self::In(_, session) | Self::Never(session) => session,
        }
    }
}

/// A call to the provider for new tokens.
#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) id: SessionId,
    pub(crate) user: AuthUser,
    pub(crate) token: RefreshToken,
}

impl Machine {
    /// When the session is to be refreshed so that nobody has to wait for it.
    pub(crate) fn due(&mut self, now: SystemTime) -> Step<Due> {
        self.known(move |machine, _| {
            let id = machine.session_id();
            let tokens = machine.held().map(|held| &held.session.tokens);
            let due = match tokens.filter(|tokens| tokens.refresh.is_some()) {
                None => Due::Never(id),
                Some(tokens) => match tokens.due_at().duration_since(now) {
                    Ok(left) if !left.is_zero() && !tokens.are_from_after(now) => Due::In(left, id),
                    _ => Due::Now(id),
                },
            };
            Step::silent(due)
        })
    }

    /// A caller asks for the session. When they did, so many refreshes had `ended`.
    pub(crate) fn session(
        &mut self,
        force: bool,
        ended: u64,
        now: SystemTime,
    ) -> Step<Result<SessionAsked, SessionError>> {
        self.known(move |machine, read| match read {
            Err(error) => Step::silent(Err(SessionError::Store(error))),
            Ok(()) if ended == machine.refreshes() => machine.known_session(force, now),
            Ok(()) => match machine.refreshes.failure.clone() {
                // A failure is for those who needed the refresh.
                Some(error) if force || !machine.is_valid(now) => Step::silent(Err(error)), // F17
                _ => machine.known_session(false, now),
            },
        })
    }

    /// Whether somebody is signed in, with tokens that can be handed out.
    pub(super) fn is_valid(&self, now: SystemTime) -> bool {
        self.held()
            .is_some_and(|held| held.session.tokens.are_valid_at(now))
    }

    fn known_session(
        &mut self,
        force: bool,
        now: SystemTime,
    ) -> Step<Result<SessionAsked, SessionError>> {
        let Some(held) = self.held().cloned() else {
            return Step::silent(Ok(SessionAsked::Answered(None))); // F18
        };
        if held.saved {
            return self.saved_session(&held, force, now, Vec::new());
        }
        Step::save(held.session.clone(), move |machine, saved| {
            machine.saved(saved);
            match saved {
                Ok(()) => machine.saved_session(&held, false, now, vec![AuthEvent::TokenRefresh]),
                Err(error) => Step::silent(Err(SessionError::Store(error))),
            }
        })
    }

    /// A session that is in the store; `publish` is what there is to publish in any case.
    fn saved_session(
        &mut self,
        held: &Held,
        force: bool,
        now: SystemTime,
        mut publish: Vec<AuthEvent>,
    ) -> Step<Result<SessionAsked, SessionError>> {
        let answer = if held.session.tokens.are_valid_at(now) && !force {
            Ok(SessionAsked::Answered(Some(held.session.clone()))) // F11
        } else if let Some(token) = &held.session.tokens.refresh {
            Ok(SessionAsked::Refresh(Refresh {
                id: held.id,
                user: held.session.user.clone(),
                token: token.clone(),
            }))
        } else {
            publish.push(AuthEvent::TokenRefreshFailure {
                error: no_refresh_token(),
                session_ended: false,
            });
            self.refresh_ended(Err(&SessionError::NoRefreshToken));
            Err(SessionError::NoRefreshToken) // F16
        };
        Step::End { publish, answer }
    }

    /// The provider has replied to a [`Refresh`]. `received` is when. There is no answer when the
    /// session is over.
    pub(crate) fn refreshed(
        &mut self,
        id: SessionId,
        reply: Result<IssuedTokens, ProviderError>,
        received: SystemTime,
    ) -> Step<Option<Result<Option<Session>, SessionError>>> {
        let Some(held) = self.held_as(id) else {
            return Step::silent(None); // F24
        };
        match reply {
            Ok(issued) => {
                let mut held = held.clone();
                held.session.tokens = held.session.tokens.renewed(issued, received);
                self.renewed(held) // F12
            }
            Err(error) => match error.kind {
                ProviderErrorKind::InTransit => {
                    let event = AuthEvent::TokenRefreshFailure {
                        error: AuthFailure::from(&error),
                        session_ended: false,
                    };
                    let error = SessionError::Unreachable(error);
                    self.refresh_ended(Err(&error));
                    Step::publish(event, Some(Err(error))) // F15
                }
                ProviderErrorKind::NotAuthorized => ended(AuthFailure::from(&error), Ok(None)), // F13
                ProviderErrorKind::Rejected => {
                    ended(AuthFailure::from(&error), Err(SessionError::Ended(error))) // F14
                }
            },
        }
    }

    fn renewed(&mut self, held: Held) -> Step<Option<Result<Option<Session>, SessionError>>> {
        let session = held.session.clone();
        // Held before it is saved: the provider may have made the old refresh token useless, so
        // the new one must not be lost if the store fails.
        self.session = Known::In(Held {
            saved: false,
            ..held
        });
        Step::save(session.clone(), |machine, saved| {
            machine.saved(saved);
            match saved {
                Ok(()) => Step::publish(AuthEvent::TokenRefresh, Some(Ok(Some(session)))),
                Err(error) => Step::silent(Some(Err(SessionError::Store(error)))),
            }
        })
    }

    /// The renewed session is in the store, or is not.
    fn saved(&mut self, saved: Result<(), StoreError>) {
        self.refresh_ended(saved.map_err(SessionError::Store).as_ref().copied());
        if let Known::In(held) = &mut self.session {
            held.saved = saved.is_ok();
        }
    }

    fn refresh_ended(&mut self, how: Result<(), &SessionError>) {
        self.refreshes = Refreshes {
            count: self.refreshes.count + 1,
            failure: how.err().cloned(),
        };
    }
}

/// The provider has ended the session. The failure says so only if the tokens could be removed.
fn ended(
    error: AuthFailure,
    answer: Result<Option<Session>, SessionError>,
) -> Step<Option<Result<Option<Session>, SessionError>>> {
    Step::clear(move |machine, cleared| {
        let session_ended = cleared.is_ok();
        if session_ended {
            machine.session = Known::Out;
        }
        let answer = cleared.map_err(SessionError::Store).and(answer);
        machine.refresh_ended(answer.as_ref().map(drop));
        Step::publish(
            AuthEvent::TokenRefreshFailure {
                error,
                session_ended,
            },
            Some(answer),
        )
    })
}

fn no_refresh_token() -> AuthFailure {
    AuthFailure {
        name: "NoRefreshToken".to_owned(),
        message: SessionError::NoRefreshToken.to_string(),
    }
}
