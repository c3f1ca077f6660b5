//! Signing in: rows F1 to F10.

use std::time::SystemTime;

use super::{Known, Machine, Step, session_spoilt};
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

/// Where a sign-in stands.
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
    /// The provider asks for something else first. Answer it with
    /// [`confirm_sign_in`](super::super::AuthClient::confirm_sign_in).
    Challenge(Challenge),
}

/// Tells one sign-in from the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

impl Attempt {
    /// From here on, replies to earlier sign-ins are too late.
    pub(super) const fn supersede(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

/// Where a sign-in stands, and the refresh token of the session whose place it has taken.
pub(crate) type Begun = (SignInStep, Option<RefreshToken>);

/// Why an attempt has not led to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotSignedIn {
    Provider(ProviderError),
    Store(StoreError),
    Superseded,
}

impl Machine {
    /// A caller wants to sign in, and will ask for the session first. It is from here on that a
    /// sign-out overtakes it.
    pub(crate) fn begin_sign_in(&mut self) -> Step<Attempt> {
        self.challenge = None;
        Step::silent(self.attempt.supersede())
    }

    /// The caller has asked for the session. A redirect under way ends here: the later of two
    /// sign-ins counts.
    pub(crate) fn sign_in(
        &mut self,
        attempt: Attempt,
        session: &Result<Option<Session>, SessionError>,
        now: SystemTime,
    ) -> Step<Result<(), SignInError>> {
        if let Err(error) = self.may_sign_in(attempt, session, now) {
            return Step::silent(Err(error));
        }
        self.without_redirect(|_, ended| Step::silent(ended.map_err(SignInError::Store)))
    }

    pub(super) fn may_sign_in(
        &self,
        attempt: Attempt,
        session: &Result<Option<Session>, SessionError>,
        now: SystemTime,
    ) -> Result<(), SignInError> {
        if attempt != self.attempt || self.is_leaving {
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

    /// A caller wants to answer the open challenge.
    pub(crate) fn answer(
        &mut self,
        answer: &Answer,
    ) -> Step<Result<(Attempt, OpenChallenge), ConfirmSignInError>> {
        Step::silent(match &self.challenge {
            None => Err(ConfirmSignInError::NoChallenge),
            Some(open) if !open.challenge.takes(answer) => Err(ConfirmSignInError::UnfittingAnswer),
            Some(open) => Ok((self.attempt, open.clone())),
        })
    }

    /// The provider has replied to a sign-in, or to an answer. `received` is when.
    pub(crate) fn signed_in(
        &mut self,
        attempt: Attempt,
        reply: Result<SignInReply, ProviderError>,
        received: SystemTime,
    ) -> Step<Result<Begun, NotSignedIn>> {
        if attempt != self.attempt {
            return Step::silent(Err(NotSignedIn::Superseded));
        }
        match reply {
            Err(error) => Step::silent(Err(NotSignedIn::Provider(error))), // F4, F5
            Ok(SignInReply::Challenged(open)) => {
                let challenge = open.challenge.clone();
                self.challenge = Some(open);
                Step::silent(Ok((SignInStep::Challenge(challenge), None))) // F2, F4
            }
            Ok(SignInReply::SignedIn { user, tokens }) => {
                self.challenge = None;
                self.attempt.supersede();
                let session = Session::new(user, Tokens::received(tokens, received));
                begin_session(session) // F1, F3
            }
        }
    }
}

impl Machine {
    /// What is to be revoked of the session held when this one takes its place.
    fn replaced_by(&self, session: &Session) -> Option<RefreshToken> {
        let earlier = &self.held()?.session;
        // A browser may have been granted the same session again, which revoking would end.
        let may_be_same = session.by_redirect && earlier.user == session.user;
        let token = earlier.tokens.refresh.clone();
        token.filter(|token| !may_be_same && session.tokens.refresh.as_ref() != Some(token))
    }
}

/// Writes the session, reads it back, and only then says that the user is signed in.
pub(super) fn begin_session(session: Session) -> Step<Result<Begun, NotSignedIn>> {
    Step::save(session.clone(), |_, saved| match saved {
        // A save is all or nothing: what was stored is stored still.
        Err(error) => Step::silent(Err(NotSignedIn::Store(error))),
        Ok(()) => Step::load(|machine, stored| match stored {
            Ok(Some(stored)) if stored == session => {
                let user = session.user.clone();
                let replaced = machine.replaced_by(&session);
                machine.hold(session);
                Step::publish(
                    AuthEvent::SignedIn { user: user.clone() },
                    Ok((SignInStep::Done(user), replaced)),
                )
            }
            Ok(_) => give_up(StoreError::NotReadBack),
            Err(error) => give_up(error),
        }),
    })
}

/// Leaves nothing half-stored behind (F10).
fn give_up(error: StoreError) -> Step<Result<Begun, NotSignedIn>> {
    Step::clear(move |machine, cleared| {
        let was_in = machine.held().is_some();
        let failed = Err(NotSignedIn::Store(error));
        if cleared.is_err() {
            machine.session = Known::Spoilt { was_in };
            return Step::silent(failed);
        }
        machine.session = Known::Out;
        if was_in {
            Step::publish(session_spoilt(), failed)
        } else {
            Step::silent(failed)
        }
    })
}

impl From<NotSignedIn> for SignInError {
    fn from(reason: NotSignedIn) -> Self {
        match reason {
            NotSignedIn::Provider(error) => Self::Provider(error),
            NotSignedIn::Store(error) => Self::Store(error),
            NotSignedIn::Superseded => Self::Superseded,
        }
    }
}

impl From<NotSignedIn> for ConfirmSignInError {
    fn from(reason: NotSignedIn) -> Self {
        match reason {
            NotSignedIn::Provider(error) => Self::Provider(error),
            NotSignedIn::Store(error) => Self::Store(error),
            NotSignedIn::Superseded => Self::Superseded,
        }
    }
}
