//! Sign-in by redirect: rows F27 to F37, and F39.

use std::time::{Duration, SystemTime};

use super::{
    Attempt, CallbackId, Machine, NewSession, Redirect, Removal, SignInFailure, Step, Write,
};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{AuthFailure, ProviderError, RedirectError, SessionError, SignInError};
use crate::auth::provider::callback::Callback;
use crate::auth::provider::redirect::RedirectGrant;
use crate::auth::secret::RedirectState;
use crate::auth::store::{PendingRedirect, Session};
use crate::auth::tokens::{IssuedTokens, Tokens};
use crate::auth::user::AuthUser;

/// How long a user may take on the sign-in page.
pub(super) const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// A call to the provider that exchanges a code for tokens.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) attempt: Attempt,
    pub(crate) grant: RedirectGrant,
    pub(crate) custom_state: Option<String>,
}

impl Machine {
    /// A caller begins a redirect, and has asked for the session.
    pub(crate) fn begin_redirect(
        &self,
        attempt: Attempt,
        session: &Result<Option<Session>, SessionError>,
        now: SystemTime,
    ) -> Step<Result<(), RedirectError>> {
        let may = self.may_sign_in(attempt, session, now);
        Step::done(may.map_err(|error| match error {
            SignInError::AlreadySignedIn => RedirectError::AlreadySignedIn, // F6
            SignInError::Store(error) => RedirectError::Store(error),
            SignInError::Input(_) | SignInError::Provider(_) | SignInError::Superseded => {
                RedirectError::Superseded
            }
        }))
    }

    /// The provider has returned the address of its page. This redirect replaces an earlier one
    /// (F37).
    pub(crate) fn on_authorize_url(
        &mut self,
        attempt: Attempt,
        pending: PendingRedirect,
    ) -> Step<Result<(), RedirectError>> {
        if attempt != self.attempt {
            return Step::done(Err(RedirectError::Superseded));
        }
        self.with_lock(|_, locked| {
            if let Err(error) = locked {
                return Step::done(Err(RedirectError::Store(error)));
            }
            Step::write(Write::SaveRedirect(pending.clone()), |machine, saved| {
                if let Err(error) = saved {
                    return Step::done(Err(RedirectError::Store(error)));
                }
                machine.set_pending(pending)
            })
        })
    }

    fn set_pending(&mut self, pending: PendingRedirect) -> Step<Result<(), RedirectError>> {
        let earlier = self.set_redirect(Redirect::Pending {
            pending,
            is_own: true,
        }); // F27
        if matches!(earlier, Redirect::Exchanging(_)) {
            return Step::publish(failure_event(&RedirectError::Superseded), Ok(()));
        }
        self.finished_redirects
            .add(earlier, RedirectError::Superseded); // F37
        Step::done(Ok(()))
    }

    /// The browser has come back.
    pub(crate) fn on_callback(
        &mut self,
        id: CallbackId,
        callback: Callback,
        now: SystemTime,
    ) -> Step<Result<Exchange, RedirectError>> {
        self.with_pending(move |machine, pending, is_own| {
            let is_over = machine.finished_redirects.contains(callback.state.as_ref());
            if is_over || !machine.signing_out.is_empty() {
                return Step::done(Err(RedirectError::NothingUnderWay)); // F24, F35, F37
            }
            if !callback.comes_back_to(&pending.redirect_uri) {
                return Step::done(Err(RedirectError::NotTheCallback));
            }
            let state = pending.state.clone();
            let (grant, custom_state) = match validate(callback, pending, now) {
                Err(error) => {
                    let ended = machine.fail_redirect(state, is_own, error.clone());
                    return ended.map(|ended| Err(ended.err().unwrap_or(error))); // F30, F31, F32
                }
                Ok(grant) => grant,
            };
            // Used once: removed from the store before the code is sent.
            machine.remove_redirect(Some(state), move |machine, removed| {
                match removed {
                    Ok(Removal::Done) => {}
                    // This client still knows its own.
                    Ok(Removal::Replaced) if is_own => {}
                    Ok(Removal::Replaced | Removal::Gone) => {
                        machine.end_redirect();
                        return Step::done(Err(RedirectError::NothingUnderWay)); // F35, F37
                    }
                    Err(error) => {
                        let error = RedirectError::Store(error);
                        return machine.redirect_failed(error.clone()).map(|()| Err(error));
                    }
                }
                let earlier = machine.set_redirect(Redirect::Exchanging(id));
                machine
                    .finished_redirects
                    .add(earlier, RedirectError::NothingUnderWay);
                Step::done(Ok(Exchange {
                    attempt: machine.attempt.supersede(),
                    grant,
                    custom_state,
                }))
            })
        })
    }

    /// The provider has replied to an [`Exchange`], at the time `received`.
    pub(crate) fn on_exchange_reply(
        &mut self,
        id: CallbackId,
        attempt: Attempt,
        custom_state: Option<String>,
        reply: Result<(AuthUser, IssuedTokens), ProviderError>,
        received: SystemTime,
    ) -> Step<Result<NewSession, RedirectError>> {
        if !self.end_exchange(id) {
            return Step::done(Err(RedirectError::Superseded)); // which has been published
        }
        if attempt != self.attempt {
            return failed(RedirectError::Superseded);
        }
        self.attempt.supersede();
        match reply {
            Err(error) => failed(RedirectError::Provider(error)), // F33, F34
            Ok((user, tokens)) => {
                // How the user signed in is known to the page alone.
                let user = AuthUser {
                    sign_in_details: None,
                    ..user
                };
                let session = Session::new(user, Tokens::received(tokens, received));
                let custom_state = custom_state.map(|state| AuthEvent::CustomOAuthState { state });
                let begun = self.begin_session(session.began_by_redirect(true));
                begun.map_end(|mut publish, begun| {
                    let answer = begun.map_err(RedirectError::from);
                    match &answer {
                        // F28, F29
                        Ok(_) => {
                            let redirected = [AuthEvent::SignInWithRedirect];
                            let signed_in = publish.len().saturating_sub(1); // the last one
                            let redirected = custom_state.into_iter().chain(redirected);
                            publish.splice(signed_in..signed_in, redirected);
                        }
                        Err(error) => publish.push(failure_event(error)),
                    }
                    (publish, answer)
                })
            }
        }
    }

    /// The caller that completes this callback has stopped waiting.
    pub(crate) fn abandon_exchange(&mut self, id: CallbackId, why: &RedirectError) -> Step<()> {
        if self.end_exchange(id) {
            Step::publish(failure_event(why), ())
        } else {
            Step::done(())
        }
    }

    /// Continues with the pending redirect, and whether this client has begun it; or fails if there
    /// is none (F35).
    pub(super) fn with_pending<A: Send + 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, PendingRedirect, bool) -> Step<Result<A, RedirectError>>
        + Send
        + 'static,
    ) -> Step<Result<A, RedirectError>> {
        self.with_session(move |machine, _| {
            machine.with_redirect(move |machine, read| match (read, &machine.redirect) {
                (Err(error), _) => Step::done(Err(RedirectError::Store(error))),
                (Ok(()), Redirect::Pending { pending, is_own }) => {
                    let (pending, is_own) = (pending.clone(), *is_own);
                    then(machine, pending, is_own)
                }
                (Ok(()), _) => Step::done(Err(RedirectError::NothingUnderWay)),
            })
        })
    }

    /// Ends the pending redirect, of this state, without a session, even if it cannot be removed from
    /// the store. If another client of the store has begun it and it has ended already, nothing is
    /// under way (F35).
    pub(super) fn fail_redirect(
        &mut self,
        state: RedirectState,
        is_own: bool,
        error: RedirectError,
    ) -> Step<Result<(), RedirectError>> {
        self.remove_redirect(Some(state), move |machine, removed| match removed {
            Ok(Removal::Replaced | Removal::Gone) if !is_own => {
                machine.end_redirect();
                Step::done(Err(RedirectError::NothingUnderWay))
            }
            _ => machine.redirect_failed(error).map(Ok),
        })
    }

    fn redirect_failed(&mut self, error: RedirectError) -> Step<()> {
        let event = failure_event(&error);
        let ended = self.set_redirect(Redirect::Idle);
        self.finished_redirects.add(ended, error);
        Step::publish(event, ())
    }

    /// Ends the exchange of this callback. False if it has ended already; if true, the caller
    /// publishes the end.
    fn end_exchange(&mut self, id: CallbackId) -> bool {
        let is_this = matches!(self.redirect, Redirect::Exchanging(of) if of == id);
        if is_this {
            self.set_redirect(Redirect::Idle);
        }
        is_this
    }
}

/// Checks that a callback answers the request, and returns the call to the provider.
fn validate(
    callback: Callback,
    pending: PendingRedirect,
    now: SystemTime,
) -> Result<(RedirectGrant, Option<String>), RedirectError> {
    let code = match (callback.outcome, callback.state) {
        (_, Some(state)) if state != pending.state => return Err(RedirectError::StateMismatch),
        // Any page can send an error; only the provider knows the state.
        (_, None) => return Err(RedirectError::Incomplete),
        (Err(error), _) => return Err(error),
        (Ok(code), Some(_)) => code,
    };
    let took = now.duration_since(pending.begun_at);
    if took.is_ok_and(|took| took > LIFETIME) {
        return Err(RedirectError::TimedOut);
    }
    let grant = RedirectGrant {
        code,
        verifier: pending.verifier,
        nonce: pending.nonce,
        redirect_uri: pending.redirect_uri,
        issuer: callback.issuer,
    };
    Ok((grant, pending.custom_state))
}

fn failed<A: 'static>(error: RedirectError) -> Step<Result<A, RedirectError>> {
    Step::publish(failure_event(&error), Err(error))
}

fn failure_event(error: &RedirectError) -> AuthEvent {
    AuthEvent::SignInWithRedirectFailure {
        error: AuthFailure::from(error),
    }
}

impl From<SignInFailure> for RedirectError {
    fn from(reason: SignInFailure) -> Self {
        match reason {
            SignInFailure::Provider(error) => Self::Provider(error),
            SignInFailure::Store(error) => Self::Store(error),
            SignInFailure::AlreadySignedIn => Self::AlreadySignedIn,
            SignInFailure::Superseded => Self::Superseded,
        }
    }
}
