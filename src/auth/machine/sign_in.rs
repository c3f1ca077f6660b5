//! Sign-in: rows F1 to F10.

use std::time::SystemTime;

use super::{Machine, SessionState, Step, session_lost};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{
    ConfirmSignInError, ProviderError, SessionError, SignInError, StoreError,
};
use crate::auth::provider::SignInReply;
use crate::auth::provider::challenge::{Answer, Challenge, OpenChallenge};
use crate::auth::secret::RefreshToken;
use crate::auth::store::Session;
use crate::auth::tokens::Tokens;
use crate::auth::user::AuthUser;

/// The next step of a sign-in.
///
/// ```
/// use typed_hub::auth::{Challenge, SignInStep};
///
/// fn page_for(step: &SignInStep) -> &'static str {
///     match step {
///         SignInStep::Done(_) => "home",
///         SignInStep::Challenge(Challenge::TotpCode) => "code",
///         SignInStep::Challenge(_) => "challenge",
///     }
/// }
/// assert_eq!(page_for(&SignInStep::Challenge(Challenge::TotpCode)), "code");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a sign-in that was challenged is not complete until the challenge is answered"]
pub enum SignInStep {
    /// The user is signed in.
    Done(AuthUser),
    /// The provider has sent a challenge. Answer it with
    /// [`confirm_sign_in`](super::super::AuthClient::confirm_sign_in).
    Challenge(Challenge),
}

/// The number of a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

impl Attempt {
    /// Begins a new attempt: replies to earlier ones are too late from here on.
    pub(super) const fn supersede(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

/// The result of a provider's reply.
#[derive(Clone, Debug)]
pub(crate) enum SignInResult {
    SignedIn(NewSession),
    Challenged(Challenge),
}

/// A session that has begun.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) user: AuthUser,
    /// The refresh token of the session that it replaces, to be revoked.
    pub(crate) replaced: Option<RefreshToken>,
}

/// Why an attempt has not led to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignInFailure {
    Provider(ProviderError),
    Store(StoreError),
    /// Another client of the store has signed in.
    AlreadySignedIn,
    Superseded,
}

impl Machine {
    /// A caller begins a sign-in, and will ask for the session first. From here on, a sign-out
    /// supersedes the sign-in.
    pub(crate) fn begin_sign_in(&mut self) -> Step<Attempt> {
        self.challenge = None;
        Step::done(self.attempt.supersede())
    }

    /// The caller has asked for the session. A redirect in progress ends here: the later sign-in
    /// supersedes the earlier.
    pub(crate) fn sign_in(
        &mut self,
        attempt: Attempt,
        session: &Result<Option<Session>, SessionError>,
        now: SystemTime,
    ) -> Step<Result<(), SignInError>> {
        if let Err(error) = self.may_sign_in(attempt, session, now) {
            return Step::done(Err(error));
        }
        self.without_redirect(|_, ended| Step::done(ended.map_err(SignInError::Store)))
    }

    pub(super) fn may_sign_in(
        &self,
        attempt: Attempt,
        session: &Result<Option<Session>, SessionError>,
        now: SystemTime,
    ) -> Result<(), SignInError> {
        if attempt != self.attempt || !self.signing_out.is_empty() {
            return Err(SignInError::Superseded);
        }
        if let Err(SessionError::Store(error)) = session {
            return Err(SignInError::Store(*error));
        }
        if self.is_valid(now) {
            return Err(SignInError::AlreadySignedIn); // F6, F7
        }
        Ok(())
    }

    /// A caller answers the open challenge.
    pub(crate) fn answer(
        &mut self,
        answer: &Answer,
    ) -> Step<Result<(Attempt, OpenChallenge), ConfirmSignInError>> {
        Step::done(match &self.challenge {
            None => Err(ConfirmSignInError::NoChallenge),
            Some(open) if !open.challenge.takes(answer) => Err(ConfirmSignInError::UnfittingAnswer),
            Some(open) => Ok((self.attempt, open.clone())),
        })
    }

    /// The provider has replied to a sign-in, or to an answer, at the time `received`.
    pub(crate) fn on_sign_in_reply(
        &mut self,
        attempt: Attempt,
        reply: Result<SignInReply, ProviderError>,
        received: SystemTime,
    ) -> Step<Result<SignInResult, SignInFailure>> {
        if attempt != self.attempt {
            return Step::done(Err(SignInFailure::Superseded));
        }
        match reply {
            Err(error) => Step::done(Err(SignInFailure::Provider(error))), // F4, F5
            Ok(SignInReply::Challenged(open)) => {
                let challenge = open.challenge.clone();
                self.challenge = Some(open);
                Step::done(Ok(SignInResult::Challenged(challenge))) // F2, F4
            }
            Ok(SignInReply::SignedIn { user, tokens }) => {
                self.challenge = None;
                self.attempt.supersede();
                let session = Session::new(user, Tokens::received(tokens, received));
                self.begin_session(session)
                    .map(|begun| begun.map(SignInResult::SignedIn)) // F1, F3
            }
        }
    }

    /// The refresh token to revoke when this session replaces the active one.
    fn replaced_by(&self, session: &Session) -> Option<RefreshToken> {
        let earlier = &self.active()?.session;
        // The browser may have got the same session again, and revoking would end it.
        let is_same_user = earlier.user.user_id == session.user.user_id;
        let may_be_same = session.by_redirect && is_same_user;
        let token = earlier.tokens.refresh.clone();
        token.filter(|token| !may_be_same && session.tokens.refresh.as_ref() != Some(token))
    }

    /// Writes the session under the store's lock, reads it back, and then publishes that the user
    /// is signed in. A session that another client of the store has begun meanwhile stays.
    pub(super) fn begin_session(
        &mut self,
        session: Session,
    ) -> Step<Result<NewSession, SignInFailure>> {
        self.with_lock(|machine, locked| match locked {
            Err(error) => Step::done(Err(SignInFailure::Store(error))),
            Ok(()) if machine.is_shared => Step::load(move |machine, stored| match stored {
                Err(error) => Step::done(Err(SignInFailure::Store(error))),
                Ok(stored) => {
                    let now = session.tokens.received_at;
                    let events = machine.take_over(stored, now);
                    let step = if machine.is_valid(now) {
                        Step::done(Err(SignInFailure::AlreadySignedIn)) // F6
                    } else {
                        save_new(session)
                    };
                    step.with_events_first(events)
                }
            }),
            Ok(()) => save_new(session),
        })
    }
}

fn save_new(session: Session) -> Step<Result<NewSession, SignInFailure>> {
    Step::save(session.clone(), |_, saved| match saved {
        // A save is all or nothing: the earlier session is still stored.
        Err(error) => Step::done(Err(SignInFailure::Store(error))),
        Ok(()) => Step::load(|machine, stored| match stored {
            Ok(Some(stored)) if stored == session => {
                let user = session.user.clone();
                let replaced = machine.replaced_by(&session);
                machine.activate(session);
                Step::publish(
                    AuthEvent::SignedIn { user: user.clone() },
                    Ok(NewSession { user, replaced }),
                )
            }
            Ok(stored) => {
                let left = stored.into_iter().chain([session]).collect();
                roll_back(left, StoreError::NotReadBack)
            }
            Err(error) => roll_back(vec![session], error),
        }),
    })
}

/// Removes a session that could not be read back (F10), or what was read in its place.
fn roll_back(left: Vec<Session>, error: StoreError) -> Step<Result<NewSession, SignInFailure>> {
    Step::clear(move |machine, cleared| {
        let was_signed_in = machine.active().is_some();
        let failed = Err(SignInFailure::Store(error));
        if cleared.is_err() {
            machine.session = SessionState::Corrupt {
                was_signed_in,
                left,
            };
            return Step::done(failed);
        }
        machine.session = SessionState::SignedOut;
        if was_signed_in {
            Step::publish(session_lost(), failed)
        } else {
            Step::done(failed)
        }
    })
}

impl From<SignInFailure> for SignInError {
    fn from(reason: SignInFailure) -> Self {
        match reason {
            SignInFailure::Provider(error) => Self::Provider(error),
            SignInFailure::Store(error) => Self::Store(error),
            SignInFailure::AlreadySignedIn => Self::AlreadySignedIn,
            SignInFailure::Superseded => Self::Superseded,
        }
    }
}

impl From<SignInFailure> for ConfirmSignInError {
    fn from(reason: SignInFailure) -> Self {
        match reason {
            SignInFailure::Provider(error) => Self::Provider(error),
            SignInFailure::Store(error) => Self::Store(error),
            SignInFailure::AlreadySignedIn => Self::AlreadySignedIn,
            SignInFailure::Superseded => Self::Superseded,
        }
    }
}
