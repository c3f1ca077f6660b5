//! The table of events, row by row.
//!
//! A row starts in a state, does something, and then the trace (what was asked of the provider and
//! the store, and what was published, in order), the answer and the state are as it says.

use std::io;
use std::time::{Duration, SystemTime};

use super::*;
use crate::auth::error::{
    ConfirmSignInError, DeleteUserError, ProviderError, ProviderErrorKind, SessionError,
    SignInError,
};
use crate::auth::provider::SignInReply;
use crate::auth::provider::challenge::{Answer, Challenge};
use crate::auth::provider::refresh::RefreshError;
use crate::auth::secret::RefreshToken;
use crate::auth::tokens::{IssuedTokens, Lasting, Tokens};

const LIFETIME: Duration = Duration::from_secs(60);
const READ_FAILS: StoreError = StoreError::Read(io::ErrorKind::PermissionDenied);
const LOCK_FAILS: StoreError = StoreError::Lock(io::ErrorKind::TimedOut);
const WRITE_FAILS: StoreError = StoreError::Write(io::ErrorKind::StorageFull);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Out,
    Challenged,
    In,
    Expired,
}
use Is::{Challenged, Expired, In, Out};

struct Row {
    name: &'static str,
    from: Is,
    act: fn(&mut World) -> String,
    trace: &'static [&'static str],
    answer: &'static str,
    to: Is,
}

const ROWS: &[Row] = &[
    Row {
        name: "F1 sign-in, tokens",
        from: Out,
        act: World::sign_in,
        trace: &["ask sign-in", "store", "read", "→signedIn"],
        answer: "done",
        to: In,
    },
    Row {
        name: "F2 sign-in, challenge",
        from: Out,
        act: |world| {
            world.sign_in_reply = Ok(challenged(Challenge::TotpCode));
            world.sign_in()
        },
        trace: &["ask sign-in"],
        answer: "challenge TotpCode",
        to: Challenged,
    },
    Row {
        name: "F3 answer accepted, tokens",
        from: Challenged,
        act: World::answer,
        trace: &["ask answer", "store", "read", "→signedIn"],
        answer: "done",
        to: In,
    },
    Row {
        name: "F4 answer leads to another challenge",
        from: Challenged,
        act: |world| {
            world.sign_in_reply = Ok(challenged(Challenge::Password));
            world.answer()
        },
        trace: &["ask answer"],
        answer: "challenge Password",
        to: Challenged,
    },
    Row {
        name: "F4 answer is wrong, and may be given again",
        from: Challenged,
        act: |world| {
            world.sign_in_reply = Err(failure(ProviderErrorKind::Rejected));
            let wrong = world.answer();
            world.sign_in_reply = Ok(signed_in());
            format!("{wrong}; {}", world.answer())
        },
        trace: &["ask answer", "ask answer", "store", "read", "→signedIn"],
        answer: "refused by the provider; done",
        to: In,
    },
    Row {
        name: "F4 answer of another kind is not sent",
        from: Challenged,
        act: |world| world.answer_with(&Answer::Password("p".into())),
        trace: &[],
        answer: "unfitting answer",
        to: Challenged,
    },
    Row {
        name: "F5 a sign-in closes the challenge of the one before",
        from: Challenged,
        act: |world| {
            world.sign_in_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            format!("{}; {}", world.sign_in(), world.answer())
        },
        trace: &["ask sign-in"],
        answer: "refused by the provider; no challenge",
        to: Out,
    },
    Row {
        name: "no challenge is open",
        from: Out,
        act: World::answer,
        trace: &[],
        answer: "no challenge",
        to: Out,
    },
    Row {
        name: "F5 sign-in fails",
        from: Out,
        act: |world| {
            world.sign_in_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.sign_in()
        },
        trace: &["ask sign-in"],
        answer: "refused by the provider",
        to: Out,
    },
    Row {
        name: "F6 sign-in while signed in",
        from: In,
        act: World::sign_in,
        trace: &[],
        answer: "already signed in",
        to: In,
    },
    Row {
        name: "F7 sign-in, the refresh it needs succeeds",
        from: Expired,
        act: World::sign_in,
        trace: &["ask refresh", "store", "→tokenRefresh"],
        answer: "already signed in",
        to: In,
    },
    Row {
        name: "F8 sign-in, refresh rejected as not authorised",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.sign_in()
        },
        trace: &[
            "ask refresh",
            "clear",
            "→tokenRefresh_failure, ended",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "done",
        to: In,
    },
    Row {
        name: "F8 sign-in, refresh rejected otherwise",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.sign_in()
        },
        trace: &[
            "ask refresh",
            "clear",
            "→tokenRefresh_failure, ended",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "done",
        to: In,
    },
    Row {
        name: "F9 sign-in, refresh fails in transit",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            world.sign_in()
        },
        trace: &[
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "done",
        to: In,
    },
    Row {
        name: "F10 stored, but cannot be read",
        from: Out,
        act: |world| {
            world.read_fails = true;
            world.sign_in()
        },
        trace: &["ask sign-in", "store", "read", "clear"],
        answer: "store: cannot be read",
        to: Out,
    },
    Row {
        name: "F10 stored, but something else is read back",
        from: Out,
        act: |world| {
            world.garbles = true;
            world.sign_in()
        },
        trace: &["ask sign-in", "store", "read", "clear"],
        answer: "store: not read back",
        to: Out,
    },
    Row {
        name: "F10 cannot be stored at all",
        from: Out,
        act: |world| {
            world.save_fails = true;
            world.sign_in()
        },
        trace: &["ask sign-in", "store"],
        answer: "store: cannot be written",
        to: Out,
    },
    Row {
        name: "F10 cannot be removed either: the next call does it",
        from: Out,
        act: |world| {
            (world.garbles, world.clear_fails) = (true, true);
            let failed = format!("{}; {}", world.sign_in(), world.session());
            world.clear_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &["ask sign-in", "store", "read", "clear", "clear", "clear"],
        answer: "store: not read back; store: cannot be written; signed out",
        to: Out,
    },
    Row {
        name: "F10 cannot be stored in place of a session, which is kept",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            world.save_fails = true;
            world.sign_in()
        },
        trace: &[
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "store",
        ],
        answer: "store: cannot be written",
        to: Expired,
    },
    Row {
        name: "F10 stored in place of a session, and cannot be read: that is its end",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            world.garbles = true;
            world.sign_in()
        },
        trace: &[
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "store",
            "read",
            "clear",
            "→tokenRefresh_failure, ended",
        ],
        answer: "store: not read back",
        to: Out,
    },
    Row {
        name: "F10 the same, and the end is told when there is one",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            (world.garbles, world.clear_fails) = (true, true);
            let failed = world.sign_in();
            world.clear_fails = false;
            format!("{failed}; {}", world.sign_out())
        },
        trace: &[
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "store",
            "read",
            "clear",
            "clear",
            "→tokenRefresh_failure, ended",
            "→signedOut",
        ],
        answer: "store: not read back; out",
        to: Out,
    },
    Row {
        name: "F11 session",
        from: In,
        act: World::session,
        trace: &[],
        answer: "session",
        to: In,
    },
    Row {
        name: "F12 session, forced",
        from: In,
        act: World::forced_session,
        trace: &["ask refresh", "store", "→tokenRefresh"],
        answer: "session",
        to: In,
    },
    Row {
        name: "F12 session, expired",
        from: Expired,
        act: World::session,
        trace: &["ask refresh", "store", "→tokenRefresh"],
        answer: "session",
        to: In,
    },
    Row {
        name: "F12 refreshed tokens are not lost when the store fails",
        from: Expired,
        act: |world| {
            world.save_fails = true;
            let failed = world.session();
            world.save_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &["ask refresh", "store", "store", "→tokenRefresh"],
        answer: "store: cannot be written; session",
        to: In,
    },
    Row {
        name: "F13 refresh rejected as not authorised",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.session()
        },
        trace: &["ask refresh", "clear", "→tokenRefresh_failure, ended"],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "F14 refresh rejected otherwise",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.session()
        },
        trace: &["ask refresh", "clear", "→tokenRefresh_failure, ended"],
        answer: "ended",
        to: Out,
    },
    Row {
        name: "F14 refresh rejected, but the tokens cannot be removed: not ended",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.clear_fails = true;
            world.session()
        },
        trace: &["ask refresh", "clear", "→tokenRefresh_failure, kept"],
        answer: "store: cannot be written",
        to: Expired,
    },
    Row {
        name: "F15 refresh fails in transit",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            world.session()
        },
        trace: &["ask refresh", "→tokenRefresh_failure, kept"],
        answer: "unreachable",
        to: Expired,
    },
    Row {
        name: "F15 refresh refused because of the application",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::Misconfigured));
            world.session()
        },
        trace: &["ask refresh", "→tokenRefresh_failure, kept"],
        answer: "misconfigured",
        to: Expired,
    },
    Row {
        name: "F15 an answer that cannot be used replaces the refresh token",
        from: Expired,
        act: |world| {
            world.fail_and_replace();
            format!("{}; {}", world.session(), world.stored_tokens())
        },
        trace: &["ask refresh", "store", "→tokenRefresh_failure, kept"],
        answer: "unreachable; access, another",
        to: Expired,
    },
    Row {
        name: "F15 also if the application is refused",
        from: Expired,
        act: |world| {
            world.fail_and_replace();
            world.refresh_reply = Err(failure(ProviderErrorKind::Misconfigured));
            format!("{}; {}", world.session(), world.stored_tokens())
        },
        trace: &["ask refresh", "store", "→tokenRefresh_failure, kept"],
        answer: "misconfigured; access, another",
        to: Expired,
    },
    Row {
        name: "F15 a refresh token that replaces itself is not stored again",
        from: Expired,
        act: |world| {
            world.fail_and_replace();
            world.replacement = Some("refresh");
            world.session()
        },
        trace: &["ask refresh", "→tokenRefresh_failure, kept"],
        answer: "unreachable",
        to: Expired,
    },
    Row {
        name: "F15 a refresh token that could not be stored is stored before the next refresh",
        from: In,
        act: |world| {
            world.fail_and_replace();
            world.save_fails = true;
            let failed = world.forced_session();
            world.save_fails = false;
            let next = world.refresh_asked().tokens.refresh;
            let next = next.unwrap().expose().to_owned();
            format!("{failed}; {next}; {}", world.stored_tokens())
        },
        trace: &[
            "ask refresh",
            "store",
            "→tokenRefresh_failure, kept",
            "store",
            "ask refresh",
        ],
        answer: "unreachable; another; access, another",
        to: In,
    },
    Row {
        name: "F15 it is stored without an event while the tokens are valid",
        from: In,
        act: |world| {
            world.fail_and_replace();
            world.save_fails = true;
            let failed = world.forced_session();
            world.save_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &[
            "ask refresh",
            "store",
            "→tokenRefresh_failure, kept",
            "store",
        ],
        answer: "unreachable; session",
        to: In,
    },
    Row {
        name: "F14 ends a session whose refresh token was replaced",
        from: Expired,
        act: |world| {
            world.fail_and_replace();
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.session()
        },
        trace: &["ask refresh", "clear", "→tokenRefresh_failure, ended"],
        answer: "ended",
        to: Out,
    },
    Row {
        name: "F16 no refresh token",
        from: Expired,
        act: |world| {
            world.hold(Tokens {
                refresh: None,
                ..stored().tokens
            });
            world.session()
        },
        trace: &["→tokenRefresh_failure, kept"],
        answer: "no refresh token",
        to: Expired,
    },
    Row {
        name: "F17 a caller who asked during a refresh gets what has come of it",
        from: Expired,
        act: |world| {
            let ended = world.machine.refresh_count();
            format!("{}; {}", world.session(), world.session_since(ended))
        },
        trace: &["ask refresh", "store", "→tokenRefresh"],
        answer: "session; session",
        to: In,
    },
    Row {
        name: "F17 also when it has failed",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            let ended = world.machine.refresh_count();
            format!("{}; {}", world.session(), world.session_since(ended))
        },
        trace: &["ask refresh", "→tokenRefresh_failure, kept"],
        answer: "unreachable; unreachable",
        to: Expired,
    },
    Row {
        name: "F17 but not to a caller who did not need it",
        from: In,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            let ended = world.machine.refresh_count();
            let forced = world.forced_session();
            format!("{forced}; {}", session(&world.session_asked(false, ended)))
        },
        trace: &["ask refresh", "→tokenRefresh_failure, kept"],
        answer: "unreachable; session",
        to: In,
    },
    Row {
        name: "F17 also when it was the end",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            let ended = world.machine.refresh_count();
            format!("{}; {}", world.session(), world.session_since(ended))
        },
        trace: &["ask refresh", "clear", "→tokenRefresh_failure, ended"],
        answer: "ended; ended",
        to: Out,
    },
    Row {
        name: "F17 also when it could not be stored",
        from: Expired,
        act: |world| {
            world.save_fails = true;
            let ended = world.machine.refresh_count();
            format!("{}; {}", world.session(), world.session_since(ended))
        },
        trace: &["ask refresh", "store"],
        answer: "store: cannot be written; store: cannot be written",
        to: In,
    },
    Row {
        name: "F17 but a sign-out since counts for more",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            let ended = world.machine.refresh_count();
            world.session();
            world.sign_out();
            world.session_since(ended)
        },
        trace: &[
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask revoke",
            "clear",
            "→signedOut",
        ],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "F18 session while signed out",
        from: Out,
        act: |world| format!("{}; {}", world.session(), world.forced_session()),
        trace: &[],
        answer: "signed out; signed out",
        to: Out,
    },
    Row {
        name: "F19 sign out",
        from: In,
        act: World::sign_out,
        trace: &["ask revoke", "clear", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F19 sign out, nothing to revoke",
        from: In,
        act: |world| {
            world.hold(Tokens {
                refresh: None,
                ..stored().tokens
            });
            world.sign_out()
        },
        trace: &["clear", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F19 sign out, the tokens cannot be removed",
        from: In,
        act: |world| {
            world.clear_fails = true;
            world.sign_out()
        },
        trace: &["ask revoke", "clear"],
        answer: "store: cannot be written",
        to: In,
    },
    Row {
        name: "F20 sign out, and the revocation fails",
        from: In,
        act: |world| {
            world.told = Err(failure(ProviderErrorKind::InTransit));
            world.sign_out()
        },
        trace: &["ask revoke", "clear", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F21 global sign-out",
        from: In,
        act: |world| world.sign_out_of(SignOutScope::Everywhere),
        trace: &["ask sign-out everywhere", "clear", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F21 an access token that has expired is renewed first, without an event",
        from: Expired,
        act: |world| world.sign_out_of(SignOutScope::Everywhere),
        trace: &[
            "ask refresh",
            "ask sign-out everywhere",
            "clear",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F21 also if it cannot be renewed",
        from: Expired,
        act: |world| {
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.sign_out_of(SignOutScope::Everywhere)
        },
        trace: &[
            "ask refresh",
            "ask sign-out everywhere",
            "clear",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F21 renewed tokens are not lost when the session cannot be removed",
        from: Expired,
        act: |world| {
            world.clear_fails = true;
            let failed = world.sign_out_of(SignOutScope::Everywhere);
            world.clear_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &[
            "ask refresh",
            "ask sign-out everywhere",
            "clear",
            "store",
            "→tokenRefresh",
        ],
        answer: "store: cannot be written; session",
        to: In,
    },
    Row {
        name: "F21 the provider cannot sign out everywhere",
        from: In,
        act: |world| {
            world.told = Err(failure(ProviderErrorKind::Rejected));
            world.sign_out_of(SignOutScope::Everywhere)
        },
        trace: &[
            "ask sign-out everywhere",
            "ask revoke",
            "clear",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F21 a refresh token that was replaced meanwhile is revoked as well",
        from: Expired,
        act: |world| {
            world.fail_and_replace();
            world.told = Err(failure(ProviderErrorKind::Rejected));
            world.sign_out_of(SignOutScope::Everywhere)
        },
        trace: &[
            "ask refresh",
            "ask sign-out everywhere",
            "ask revoke",
            "clear",
            "→signedOut",
            "ask revoke",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F22 sign out while signed out",
        from: Out,
        act: World::sign_out,
        trace: &["→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F22 sign out closes the challenge",
        from: Challenged,
        act: |world| format!("{}; {}", world.sign_out(), world.answer()),
        trace: &["→signedOut"],
        answer: "out; no challenge",
        to: Out,
    },
    Row {
        name: "F24 a refresh comes after the sign-out",
        from: Expired,
        act: |world| {
            let refresh = world.refresh_asked();
            let out = world.sign_out();
            format!("{out}; {}", world.refreshed(refresh))
        },
        trace: &["ask refresh", "ask revoke", "clear", "→signedOut"],
        answer: "out; over",
        to: Out,
    },
    Row {
        name: "F24 a refresh comes after the next sign-in",
        from: Expired,
        act: |world| {
            let refresh = world.refresh_asked();
            world.sign_out();
            world.sign_in();
            world.refreshed(refresh)
        },
        trace: &[
            "ask refresh",
            "ask revoke",
            "clear",
            "→signedOut",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "over",
        to: In,
    },
    Row {
        name: "F24 a sign-in comes after the sign-out",
        from: Out,
        act: |world| {
            let attempt = world.sign_in_asked();
            let out = world.sign_out();
            format!("{out}; {}", world.signed_in(attempt))
        },
        trace: &["ask sign-in", "→signedOut"],
        answer: "out; superseded",
        to: Out,
    },
    Row {
        name: "F24 a sign-in comes while the provider is told of a sign-out",
        from: Expired,
        act: |world| {
            let attempt = world.begin_sign_in();
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            let session = world.session_of(false);
            let step = world.machine.sign_in(attempt, &session, world.now);
            world.run(step).unwrap();
            world.ask("sign-in");
            let sign_out = world.sign_out_asked();
            let superseded = world.signed_in(attempt);
            let out = world.signed_out(sign_out);
            format!("{superseded}; {out}")
        },
        trace: &[
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "ask revoke",
            "clear",
            "→signedOut",
        ],
        answer: "superseded; out",
        to: Out,
    },
    Row {
        name: "F24 a sign-in is superseded while it asks for the session",
        from: Expired,
        act: |world| {
            let attempt = world.begin_sign_in();
            world.sign_out();
            let step = world.machine.sign_in(attempt, &Ok(None), world.now);
            sign_in_error(&world.run(step).unwrap_err())
        },
        trace: &["ask revoke", "clear", "→signedOut"],
        answer: "superseded",
        to: Out,
    },
    Row {
        name: "F24 a sign-in begins while the provider is told of a sign-out",
        from: Expired,
        act: |world| {
            let sign_out = world.sign_out_asked();
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            let superseded = world.sign_in();
            let out = world.signed_out(sign_out);
            format!("{superseded}; {out}")
        },
        trace: &[
            "ask revoke",
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "clear",
            "→signedOut",
        ],
        answer: "superseded; out",
        to: Out,
    },
    Row {
        name: "F24 the session ends while the provider is told of a sign-out",
        from: Expired,
        act: |world| {
            let sign_out = world.sign_out_asked();
            world.refresh_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.session();
            world.signed_out(sign_out)
        },
        trace: &[
            "ask revoke",
            "ask refresh",
            "clear",
            "→tokenRefresh_failure, ended",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F24 and no sign-in takes its place until the sign-out is over",
        from: Expired,
        act: |world| {
            let sign_out = world.sign_out_asked();
            world.refresh_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.session();
            let superseded = world.sign_in();
            let out = world.signed_out(sign_out);
            format!("{superseded}; {out}; {}", world.sign_in())
        },
        trace: &[
            "ask revoke",
            "ask refresh",
            "clear",
            "→tokenRefresh_failure, ended",
            "→signedOut",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "superseded; out; done",
        to: In,
    },
    Row {
        name: "F24 the same when the caller of the sign-out is gone",
        from: Expired,
        act: |world| {
            let _ = world.sign_out_asked();
            world.refresh_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.session();
            world.sign_out_dropped();
            world.session()
        },
        trace: &[
            "ask revoke",
            "ask refresh",
            "clear",
            "→tokenRefresh_failure, ended",
            "→signedOut",
        ],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "a sign-out whose caller is gone",
        from: In,
        act: |world| {
            let _ = world.sign_out_asked();
            world.sign_out_dropped();
            world.sign_out_dropped();
            world.session()
        },
        trace: &["ask revoke", "clear", "→signedOut"],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "a sign-in comes after the one that superseded it",
        from: Out,
        act: |world| {
            let first = world.sign_in_asked();
            let second = world.sign_in_asked();
            let superseded = world.signed_in(first);
            format!("{superseded}; {}", world.signed_in(second))
        },
        trace: &["ask sign-in", "ask sign-in", "store", "read", "→signedIn"],
        answer: "superseded; done",
        to: In,
    },
    Row {
        name: "a sign-out comes after the next sign-in, which it is not about",
        from: In,
        act: |world| {
            let late = world.sign_out_asked();
            world.sign_out();
            world.sign_in();
            world.signed_out(late)
        },
        trace: &[
            "ask revoke",
            "ask revoke",
            "clear",
            "→signedOut",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "out",
        to: In,
    },
    Row {
        name: "a sign-out whose reply is late does not keep the next one from its end",
        from: In,
        act: |world| {
            let first = world.sign_out_asked();
            let second = world.sign_out_asked();
            let second = world.signed_out(second);
            world.sign_in();
            let _third = world.sign_out_asked();
            let first = world.signed_out(first);
            world.sign_out_dropped();
            format!("{second}; {first}; {}", world.session())
        },
        trace: &[
            "ask revoke",
            "ask revoke",
            "clear",
            "→signedOut",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
            "ask revoke",
            "clear",
            "→signedOut",
        ],
        answer: "out; out; signed out",
        to: Out,
    },
    Row {
        name: "F24 no session begins while a later sign-out waits, even if the session has ended",
        from: In,
        act: |world| {
            let first = world.sign_out_asked();
            let second = world.sign_out_asked();
            let first = world.signed_out(first);
            let refused = world.sign_in();
            let second = world.signed_out(second);
            format!("{first}; {refused}; {second}; {}", world.sign_in())
        },
        trace: &[
            "ask revoke",
            "ask revoke",
            "clear",
            "→signedOut",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
        ],
        answer: "out; superseded; out; done",
        to: In,
    },
    Row {
        name: "F24 the same, and the store has failed the earlier one",
        from: In,
        act: |world| {
            let first = world.sign_out_asked();
            let second = world.sign_out_asked();
            world.clear_fails = true;
            let first = world.signed_out(first);
            world.clear_fails = false;
            world.sign_out_dropped();
            format!("{first}; {}", world.signed_out(second))
        },
        trace: &["ask revoke", "ask revoke", "clear", "clear", "→signedOut"],
        answer: "store: cannot be written; out",
        to: Out,
    },
    Row {
        name: "a sign-out whose caller is gone ends the session if the store has failed a later one",
        from: In,
        act: |world| {
            let (first, _) = world.sign_out_asked();
            let second = world.sign_out_asked();
            world.clear_fails = true;
            let second = world.signed_out(second);
            world.clear_fails = false;
            let step = world.machine.finish_sign_out(first.id);
            world.run(step);
            second
        },
        trace: &["ask revoke", "ask revoke", "clear", "clear", "→signedOut"],
        answer: "store: cannot be written",
        to: Out,
    },
    Row {
        name: "a sign-out whose caller is gone does not end the next one",
        from: In,
        act: |world| {
            let (first, _) = world.sign_out_asked();
            world.sign_out();
            world.sign_in();
            let second = world.sign_out_asked();
            let step = world.machine.finish_sign_out(first.id);
            world.run(step);
            world.trace.push("its caller is gone".to_owned());
            world.signed_out(second)
        },
        trace: &[
            "ask revoke",
            "ask revoke",
            "clear",
            "→signedOut",
            "ask sign-in",
            "store",
            "read",
            "→signedIn",
            "ask revoke",
            "its caller is gone",
            "clear",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "a sign-out whose caller is gone leaves the same session to the next one",
        from: In,
        act: |world| {
            let (first, _) = world.sign_out_asked();
            let second = world.sign_out_asked();
            let step = world.machine.finish_sign_out(first.id);
            world.run(step);
            world.trace.push("its caller is gone".to_owned());
            world.signed_out(second)
        },
        trace: &[
            "ask revoke",
            "ask revoke",
            "its caller is gone",
            "clear",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F25 delete user, yes",
        from: In,
        act: World::delete_user,
        trace: &["ask delete", "clear", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F26 delete user, no",
        from: In,
        act: |world| {
            world.told = Err(failure(ProviderErrorKind::Rejected));
            world.delete_user()
        },
        trace: &["ask delete"],
        answer: "refused by the provider",
        to: In,
    },
    Row {
        name: "delete user, who is not the one who was asked about",
        from: In,
        act: |world| {
            let mut asked = stored();
            asked.user.user_id = "u-2".to_owned();
            let step = world.machine.delete_user(SignOutId(1), Ok(Some(asked)));
            format!("{:?}", world.run(step).unwrap_err())
        },
        trace: &[],
        answer: "SignedOut",
        to: In,
    },
    Row {
        name: "delete user while signed out",
        from: Out,
        act: World::delete_user,
        trace: &[],
        answer: "nobody",
        to: Out,
    },
    Row {
        name: "F38 restart with a stored session",
        from: In,
        act: |world| {
            world.machine = Machine::default();
            format!("{}; {}", world.current_user(), world.session())
        },
        trace: &["read"],
        answer: "user; session",
        to: In,
    },
    Row {
        name: "F38 restart with a store that cannot be read",
        from: In,
        act: |world| {
            world.machine = Machine::default();
            world.read_fails = true;
            let failed = format!("{}; {}", world.session(), world.sign_in());
            world.read_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &["read", "read", "read"],
        answer: "store: cannot be read; store: cannot be read; session",
        to: In,
    },
    Row {
        name: "sign out of a store that cannot be read",
        from: In,
        act: |world| {
            world.machine = Machine::default();
            world.read_fails = true;
            world.sign_out()
        },
        trace: &["read", "clear", "→signedOut"],
        answer: "out, store: cannot be read",
        to: Out,
    },
    Row {
        name: "shared: the store is read at each use",
        from: In,
        act: |world| {
            world.share();
            format!("{}; {}", world.current_user(), world.session())
        },
        trace: &["read", "read"],
        answer: "user; session",
        to: In,
    },
    Row {
        name: "shared: a store that cannot be read leaves the session as it is known",
        from: In,
        act: |world| {
            world.share();
            world.read_fails = true;
            format!("{}; {}", world.current_user(), world.session())
        },
        trace: &["read", "read"],
        answer: "user; session",
        to: In,
    },
    Row {
        name: "shared: F1 and F12 write under the lock",
        from: Out,
        act: |world| {
            world.share();
            format!("{}; {}", world.sign_in(), world.forced_session())
        },
        trace: &[
            "read",
            "ask sign-in",
            "lock",
            "read",
            "store",
            "read",
            "→signedIn",
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "→tokenRefresh",
        ],
        answer: "done; session",
        to: In,
    },
    Row {
        name: "shared: F6 another process signs in while the provider is asked",
        from: Out,
        act: |world| {
            world.share();
            world.unlocked = Some(World::sign_in_elsewhere);
            format!("{}; {}", world.sign_in(), world.user_id())
        },
        trace: &["read", "ask sign-in", "lock", "read", "→signedIn"],
        answer: "already signed in; u-2",
        to: In,
    },
    Row {
        name: "shared: F7 another process refreshes while the provider is asked",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            world.unlocked = Some(|world| world.unlocked = Some(World::refresh_elsewhere));
            world.sign_in()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "lock",
            "read",
            "→tokenRefresh",
        ],
        answer: "already signed in",
        to: In,
    },
    Row {
        name: "shared: F9 another process signs out while the provider is asked",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
            world.unlocked = Some(|world| world.unlocked = Some(|world| world.stored = None));
            world.sign_in()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "→tokenRefresh_failure, kept",
            "ask sign-in",
            "lock",
            "read",
            "store",
            "read",
            "→signedOut",
            "→signedIn",
        ],
        answer: "done",
        to: In,
    },
    Row {
        name: "shared: F1 a store that cannot be read under the lock is not written",
        from: Out,
        act: |world| {
            world.share();
            world.unlocked = Some(|world| world.read_fails = true);
            world.sign_in()
        },
        trace: &["read", "ask sign-in", "lock", "read"],
        answer: "store: cannot be read",
        to: Out,
    },
    Row {
        name: "shared: F10 what could not be removed is removed by the next call",
        from: Out,
        act: |world| {
            world.share();
            (world.garbles, world.clear_fails) = (true, true);
            let failed = world.sign_in();
            world.clear_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &[
            "read",
            "ask sign-in",
            "lock",
            "read",
            "store",
            "read",
            "clear",
            "lock",
            "read",
            "clear",
        ],
        answer: "store: not read back; signed out",
        to: Out,
    },
    Row {
        name: "shared: F10 but not the session of another process, which has replaced it",
        from: Out,
        act: |world| {
            world.share();
            (world.garbles, world.clear_fails) = (true, true);
            let failed = world.sign_in();
            (world.garbles, world.clear_fails) = (false, false);
            world.sign_in_elsewhere();
            format!("{failed}; {}; {}", world.session(), world.user_id())
        },
        trace: &[
            "read",
            "ask sign-in",
            "lock",
            "read",
            "store",
            "read",
            "clear",
            "lock",
            "read",
            "→signedIn",
        ],
        answer: "store: not read back; session; u-2",
        to: In,
    },
    Row {
        name: "F40 another process has refreshed before this one asks",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_elsewhere();
            world.session()
        },
        trace: &["read", "→tokenRefresh"],
        answer: "session",
        to: In,
    },
    Row {
        name: "F40 another process has refreshed while this one waits for the lock",
        from: Expired,
        act: |world| {
            world.share();
            world.meanwhile = Some(World::refresh_elsewhere);
            world.session()
        },
        trace: &["read", "lock", "read", "→tokenRefresh"],
        answer: "session",
        to: In,
    },
    Row {
        name: "F40 also when the refresh was forced",
        from: In,
        act: |world| {
            world.share();
            world.meanwhile = Some(World::refresh_elsewhere);
            world.forced_session()
        },
        trace: &["read", "lock", "read", "→tokenRefresh"],
        answer: "session",
        to: In,
    },
    Row {
        name: "F40 tokens of another process that have expired are renewed",
        from: Expired,
        act: |world| {
            world.share();
            world.meanwhile = Some(World::change_elsewhere);
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "→tokenRefresh",
        ],
        answer: "session",
        to: In,
    },
    Row {
        name: "shared: F12 the lock is not had",
        from: Expired,
        act: |world| {
            world.share();
            world.lock_fails = true;
            let failed = world.session();
            world.lock_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "→tokenRefresh",
        ],
        answer: "store: cannot be locked; session",
        to: In,
    },
    Row {
        name: "shared: F15 a refresh token that was replaced is stored under the lock",
        from: Expired,
        act: |world| {
            world.share();
            world.fail_and_replace();
            format!("{}; {}", world.session(), world.stored_tokens())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "→tokenRefresh_failure, kept",
        ],
        answer: "unreachable; access, another",
        to: Expired,
    },
    Row {
        name: "shared: F15, and the next call stores the refresh token, if the store cannot be read",
        from: Expired,
        act: |world| {
            world.share();
            world.fail_and_replace();
            world.unlocked = Some(|world| world.read_fails = true);
            let first = world.session();
            world.read_fails = false;
            format!("{first}; {}; {}", world.session(), world.stored_tokens())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "→tokenRefresh_failure, kept",
            "lock",
            "read",
            "store",
            "lock",
            "read",
            "ask refresh",
            "read",
            "→tokenRefresh_failure, kept",
        ],
        answer: "unreachable; unreachable; access, another",
        to: Expired,
    },
    Row {
        name: "shared: F15 another client's refresh token is taken over without an event",
        from: In,
        act: |world| {
            world.share();
            world.meanwhile = Some(World::change_elsewhere);
            world.forced_session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "→tokenRefresh",
        ],
        answer: "session",
        to: In,
    },
    Row {
        name: "shared: F13 and F14 clear what was read",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::NotAuthorized));
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "clear",
            "→tokenRefresh_failure, ended",
        ],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "shared: F14 a store that cannot be read is not cleared",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.unlocked = Some(|world| world.read_fails = true);
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "→tokenRefresh_failure, kept",
        ],
        answer: "store: cannot be read",
        to: Expired,
    },
    Row {
        name: "F41 refused, but the store holds other tokens, which are valid",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.unlocked = Some(World::refresh_elsewhere);
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "→tokenRefresh",
            "read",
        ],
        answer: "session",
        to: In,
    },
    Row {
        name: "F41 the other tokens have expired as well: they are tried once",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.unlocked = Some(|world| {
                world.change_elsewhere();
                world.unlocked = Some(|world| world.refresh_reply = Ok(issued()));
            });
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "→tokenRefresh",
        ],
        answer: "session",
        to: In,
    },
    Row {
        name: "F41 they are refused as well",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.unlocked = Some(World::change_elsewhere);
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "clear",
            "→tokenRefresh_failure, ended",
        ],
        answer: "ended",
        to: Out,
    },
    Row {
        name: "F41 the store changes each time: kept, and not tried without end",
        from: Expired,
        act: |world| {
            world.share();
            world.refresh_reply = Err(failure(ProviderErrorKind::Rejected));
            world.unlocked = Some(|world| {
                world.change_elsewhere();
                world.unlocked = Some(World::change_elsewhere);
            });
            world.session()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "→tokenRefresh_failure, kept",
        ],
        answer: "unreachable",
        to: Expired,
    },
    Row {
        name: "F42 another process has signed out",
        from: In,
        act: |world| {
            world.share();
            world.stored = None;
            format!("{}; {}", world.session(), world.current_user())
        },
        trace: &["read", "→signedOut", "read"],
        answer: "signed out; nobody",
        to: Out,
    },
    Row {
        name: "F42 while this one waits for the lock",
        from: Expired,
        act: |world| {
            world.share();
            world.meanwhile = Some(|world| world.stored = None);
            world.session()
        },
        trace: &["read", "lock", "read", "→signedOut"],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "F42 without the lock, while the provider is asked: no token comes back",
        from: Expired,
        act: |world| {
            world.share();
            world.unlocked = Some(|world| world.stored = None);
            world.session()
        },
        trace: &["read", "lock", "read", "ask refresh", "read", "→signedOut"],
        answer: "signed out",
        to: Out,
    },
    Row {
        name: "F42 and F22 are one event",
        from: In,
        act: |world| {
            world.share();
            world.stored = None;
            world.sign_out()
        },
        trace: &["read", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "F42 another process has signed in again, as another user",
        from: In,
        act: |world| {
            world.share();
            world.sign_in_elsewhere();
            world.session()
        },
        trace: &["read", "→signedOut", "→signedIn"],
        answer: "session",
        to: In,
    },
    Row {
        name: "shared: another process has signed in",
        from: Out,
        act: |world| {
            world.share();
            world.sign_in_elsewhere();
            format!("{}; {}", world.session(), world.sign_in())
        },
        trace: &["read", "→signedIn", "read"],
        answer: "session; already signed in",
        to: In,
    },
    Row {
        name: "shared: F19 what another process has refreshed meanwhile is revoked and cleared",
        from: In,
        act: |world| {
            world.share();
            world.meanwhile = Some(World::refresh_elsewhere);
            world.sign_out()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "→tokenRefresh",
            "ask revoke",
            "lock",
            "read",
            "clear",
            "→signedOut",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "shared: F19 also if it does so without the lock",
        from: In,
        act: |world| {
            world.share();
            world.unlocked = Some(World::refresh_elsewhere);
            world.sign_out()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask revoke",
            "lock",
            "read",
            "clear",
            "→signedOut",
            "ask revoke",
        ],
        answer: "out",
        to: Out,
    },
    Row {
        name: "shared: F19 another process has signed out while this one waits for the lock",
        from: In,
        act: |world| {
            world.share();
            world.meanwhile = Some(|world| world.stored = None);
            world.sign_out()
        },
        trace: &["read", "lock", "read", "→signedOut"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "shared: F19 the session of a user who has signed in elsewhere is not cleared",
        from: In,
        act: |world| {
            world.share();
            world.unlocked = Some(World::sign_in_elsewhere);
            format!("{}; {}", world.sign_out(), world.session())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask revoke",
            "lock",
            "read",
            "→signedOut",
            "read",
            "→signedIn",
        ],
        answer: "out; session",
        to: In,
    },
    Row {
        name: "shared: F19 the lock is not had: nothing is revoked, and a sign-in may begin",
        from: In,
        act: |world| {
            world.share();
            world.lock_fails = true;
            let out = world.sign_out();
            world.lock_fails = false;
            format!("{out}; {}", world.sign_in())
        },
        trace: &["read", "lock", "read"],
        answer: "store: cannot be locked; already signed in",
        to: In,
    },
    Row {
        name: "shared: F19 a store that cannot be read is emptied all the same",
        from: In,
        act: |world| {
            world.share();
            world.read_fails = true;
            world.sign_out()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask revoke",
            "lock",
            "read",
            "clear",
            "→signedOut",
        ],
        answer: "out, store: cannot be read",
        to: Out,
    },
    Row {
        name: "shared: F22 nor does a client claim of it that it holds no token",
        from: Out,
        act: |world| {
            world.share();
            world.sign_in_elsewhere();
            world.read_fails = true;
            world.sign_out()
        },
        trace: &["read", "lock", "read", "clear", "→signedOut"],
        answer: "out, store: cannot be read",
        to: Out,
    },
    Row {
        name: "shared: F22 it can be neither read nor emptied: there is no sign-out",
        from: Out,
        act: |world| {
            world.share();
            world.sign_in_elsewhere();
            (world.read_fails, world.clear_fails) = (true, true);
            let failed = world.sign_out();
            world.read_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &["read", "lock", "read", "clear", "read", "→signedIn"],
        answer: "store: cannot be written; session",
        to: In,
    },
    Row {
        name: "shared: F1 the lock is not had",
        from: Out,
        act: |world| {
            world.share();
            world.lock_fails = true;
            world.sign_in()
        },
        trace: &["read", "ask sign-in", "lock"],
        answer: "store: cannot be locked",
        to: Out,
    },
    Row {
        name: "shared: F12 tokens that could not be stored do not come back after a sign-out",
        from: Expired,
        act: |world| {
            world.share();
            world.save_fails = true;
            let failed = world.session();
            (world.save_fails, world.stored) = (false, None);
            format!("{failed}; {}", world.session())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "lock",
            "read",
            "→signedOut",
        ],
        answer: "store: cannot be written; signed out",
        to: Out,
    },
    Row {
        name: "shared: F12 tokens that could not be stored do not replace newer ones",
        from: Expired,
        act: |world| {
            world.share();
            world.save_fails = true;
            let failed = world.session();
            world.save_fails = false;
            world.refresh_elsewhere();
            format!("{failed}; {}", world.access_token())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "store",
            "lock",
            "read",
            "→tokenRefresh",
        ],
        answer: "store: cannot be written; access of another process",
        to: In,
    },
    Row {
        name: "shared: F12 nor do tokens that come without the lock",
        from: Expired,
        act: |world| {
            world.share();
            world.unlocked = Some(World::refresh_elsewhere);
            world.access_token()
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "→tokenRefresh",
            "read",
        ],
        answer: "access of another process",
        to: In,
    },
    Row {
        name: "shared: F19 a user who has signed in during the wait for the lock stays",
        from: In,
        act: |world| {
            world.share();
            world.meanwhile = Some(|world| {
                world.sign_in_elsewhere();
                world.current_user();
            });
            format!("{}, {}", world.sign_out(), world.user_id())
        },
        trace: &["read", "lock", "read", "→signedOut", "→signedIn", "read"],
        answer: "out, u-2",
        to: In,
    },
    Row {
        name: "shared: F42 a sign-out during the wait for the lock is published once",
        from: In,
        act: |world| {
            world.share();
            world.meanwhile = Some(|world| {
                world.stored = None;
                world.current_user();
            });
            world.sign_out()
        },
        trace: &["read", "lock", "read", "→signedOut", "read"],
        answer: "out",
        to: Out,
    },
    Row {
        name: "shared: F22 a sign-out after a failed sign-in leaves alone another user's session",
        from: Out,
        act: |world| {
            world.share();
            (world.garbles, world.clear_fails) = (true, true);
            let failed = world.sign_in();
            (world.garbles, world.clear_fails) = (false, false);
            world.sign_in_elsewhere();
            let id = world.next_sign_out();
            let step = world
                .machine
                .sign_out(id, SignOutScope::ThisDevice, world.now);
            let Step::Lock(locked) = step else {
                panic!("the data to remove is not compared");
            };
            let Step::Load(read) = locked(&mut world.machine, Ok(())) else {
                panic!("the data to remove is not compared");
            };
            let unread = read(&mut world.machine, Err(READ_FAILS));
            let SignOutPlan::SignedOut { unread, .. } = world.run(unread) else {
                panic!("the provider is told of another user's session");
            };
            let out = out(unread);
            let session = world.session();
            format!("{failed}; {out}; {session}, {}", world.user_id())
        },
        trace: &[
            "read",
            "ask sign-in",
            "lock",
            "read",
            "store",
            "read",
            "clear",
            "lock",
            "read",
            "→signedOut",
            "read",
            "→signedIn",
        ],
        answer: "store: not read back; out; session, u-2",
        to: In,
    },
    Row {
        name: "shared: F12 a store that cannot be read is not written, and the tokens are kept",
        from: Expired,
        act: |world| {
            world.share();
            world.unlocked = Some(|world| world.read_fails = true);
            let failed = world.session();
            world.read_fails = false;
            format!("{failed}; {}", world.session())
        },
        trace: &[
            "read",
            "lock",
            "read",
            "ask refresh",
            "read",
            "lock",
            "read",
            "store",
            "→tokenRefresh",
        ],
        answer: "store: cannot be read; session",
        to: In,
    },
];

#[test]
fn every_row_of_the_table() {
    for row in ROWS {
        let mut world = World::new(row.from);
        let answer = (row.act)(&mut world);
        assert_eq!(world.trace, row.trace, "the trace of {}", row.name);
        assert_eq!(answer, row.answer, "the answer of {}", row.name);
        assert_eq!(world.state(), row.to, "the state after {}", row.name);
        assert_eq!(
            world.stored.is_some(),
            matches!(row.to, In | Expired),
            "the store after {}",
            row.name
        );
    }
}

/// A store, a provider and a hub that do as they are told, and the caller's side of each operation.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that may fail"
)]
struct World {
    machine: Machine,
    now: SystemTime,
    trace: Vec<String>,
    stored: Option<Session>,
    read_fails: bool,
    save_fails: bool,
    clear_fails: bool,
    lock_fails: bool,
    /// Whether the store gives back something else than was saved.
    garbles: bool,
    sign_in_reply: Result<SignInReply, ProviderError>,
    refresh_reply: Result<IssuedTokens, ProviderError>,
    /// The refresh token by which a refresh that fails replaces the one that was sent.
    replacement: Option<&'static str>,
    /// What the provider says to everything else.
    told: Result<(), ProviderError>,
    /// How many sign-outs have been asked for.
    sign_outs: u64,
    /// What another client does while the refresh waits for the lock.
    meanwhile: Option<fn(&mut Self)>,
    /// What another client does, without the lock, while the provider is asked.
    unlocked: Option<fn(&mut Self)>,
}

impl World {
    fn new(state: Is) -> Self {
        let mut world = Self {
            machine: Machine::default(),
            now: SystemTime::UNIX_EPOCH,
            trace: Vec::new(),
            stored: matches!(state, In | Expired).then(stored),
            read_fails: false,
            save_fails: false,
            clear_fails: false,
            lock_fails: false,
            garbles: false,
            sign_in_reply: Ok(signed_in()),
            refresh_reply: Ok(issued()),
            replacement: None,
            told: Ok(()),
            sign_outs: 0,
            meanwhile: None,
            unlocked: None,
        };
        world.current_user();
        if state == Expired {
            world.now += LIFETIME;
        }
        if state == Challenged {
            world.sign_in_reply = Ok(challenged(Challenge::TotpCode));
            assert_eq!(world.sign_in(), "challenge TotpCode");
            world.sign_in_reply = Ok(signed_in());
        }
        world.trace.clear();
        world
    }

    fn state(&self) -> Is {
        match &self.machine.session {
            SessionState::SignedIn(active) if active.session.tokens.are_valid_at(self.now) => In,
            SessionState::SignedIn(_) => Expired,
            _ if self.machine.challenge.is_some() => Challenged,
            _ => Out,
        }
    }

    fn hold(&mut self, tokens: Tokens) {
        let session = Session { tokens, ..stored() };
        self.stored = Some(session.clone());
        self.machine.activate(session);
    }

    /// The provider answers a refresh, and the answer cannot be used but for its refresh token.
    fn fail_and_replace(&mut self) {
        self.refresh_reply = Err(failure(ProviderErrorKind::InTransit));
        self.replacement = Some("another");
    }

    /// The access token and the refresh token in the store.
    fn stored_tokens(&self) -> String {
        let tokens = &self.stored.as_ref().unwrap().tokens;
        let refresh = tokens.refresh.as_ref().unwrap();
        format!("{}, {}", tokens.access.expose(), refresh.expose())
    }

    fn refresh_reply(&self) -> Result<IssuedTokens, RefreshError> {
        let replacement = self.replacement.map(Into::into);
        let reply = self.refresh_reply.clone();
        reply.map_err(|error| RefreshError { error, replacement })
    }

    /// The store is shared from here on.
    fn share(&mut self) {
        self.machine.is_shared = true;
    }

    /// Another client stores other tokens, which have expired.
    fn change_elsewhere(&mut self) {
        let session = self.stored.as_mut().unwrap();
        let before = session.tokens.refresh.as_ref().unwrap();
        session.tokens.refresh = Some(format!("{}, and another", before.expose()).into());
    }

    /// Another client stores new tokens.
    fn refresh_elsewhere(&mut self) {
        self.change_elsewhere();
        let session = self.stored.as_mut().unwrap();
        let issued = IssuedTokens {
            refresh: None,
            ..issued()
        };
        session.tokens = session.tokens.renewed(issued, self.now);
        session.tokens.access = "access of another process".into();
    }

    /// Another client stores the session of another user.
    fn sign_in_elsewhere(&mut self) {
        let mut session = Session {
            tokens: Tokens::received(issued(), self.now),
            ..stored()
        };
        session.user.user_id = "u-2".to_owned();
        self.stored = Some(session);
    }

    fn run<A: 'static>(&mut self, mut step: Step<A>) -> A {
        loop {
            step = match step {
                Step::Lock(then) => {
                    let locked = self.access("lock", self.lock_fails, LOCK_FAILS);
                    then(&mut self.machine, locked)
                }
                Step::Load(then) => {
                    let mut stored = self.stored.clone();
                    if self.garbles
                        && let Some(session) = &mut stored
                    {
                        session.tokens.access = "garbled".into();
                    }
                    let read = self.access("read", self.read_fails, READ_FAILS);
                    then(&mut self.machine, read.map(|()| stored))
                }
                // Redirects are tested on the client.
                Step::LoadRedirect(then) => then(&mut self.machine, Ok(None)),
                Step::Write(Write::Save(session), then) => {
                    let saved = self.access("store", self.save_fails, WRITE_FAILS);
                    if saved.is_ok() {
                        self.stored = Some(session);
                    }
                    then(&mut self.machine, saved)
                }
                Step::Write(Write::Clear, then) => {
                    let cleared = self.access("clear", self.clear_fails, WRITE_FAILS);
                    if cleared.is_ok() {
                        self.stored = None;
                    }
                    then(&mut self.machine, cleared)
                }
                Step::Write(_, then) => then(&mut self.machine, Ok(())),
                Step::End { publish, answer } => {
                    self.trace.extend(publish.iter().map(event));
                    return answer;
                }
            };
        }
    }

    fn access(&mut self, how: &str, fails: bool, error: StoreError) -> Result<(), StoreError> {
        self.trace.push(how.to_owned());
        if fails { Err(error) } else { Ok(()) }
    }

    fn ask(&mut self, what: &str) {
        self.trace.push(format!("ask {what}"));
    }

    fn current_user(&mut self) -> String {
        let step = self.machine.current_user(self.now);
        match self.run(step) {
            Ok(Some(_)) => "user".to_owned(),
            Ok(None) => "nobody".to_owned(),
            Err(CurrentUserError::Store(error)) => store_error(error),
        }
    }

    fn session(&mut self) -> String {
        session(&self.session_of(false))
    }

    fn access_token(&mut self) -> String {
        let session = self.session_of(false).unwrap().unwrap();
        session.tokens.access.expose().to_owned()
    }

    fn user_id(&self) -> String {
        self.machine.user_id().unwrap()
    }

    fn forced_session(&mut self) -> String {
        session(&self.session_of(true))
    }

    /// Forced, by a caller who asked when so many refreshes had ended.
    fn session_since(&mut self, ended: u64) -> String {
        session(&self.session_asked(true, ended))
    }

    fn session_of(&mut self, force: bool) -> Result<Option<Session>, SessionError> {
        self.session_asked(force, self.machine.refresh_count())
    }

    fn session_asked(&mut self, force: bool, ended: u64) -> Result<Option<Session>, SessionError> {
        let step = self.machine.session(force, ended, self.now);
        match self.run(step)? {
            SessionLookup::Valid(session) => Ok(Some(session)),
            SessionLookup::SignedOut => Ok(None),
            SessionLookup::NeedsRefresh(call) => self.refresh(call),
        }
    }

    /// The refresh of a caller: as the client does it.
    fn refresh(&mut self, mut call: Refresh) -> Result<Option<Session>, SessionError> {
        if self.machine.is_shared {
            let locked = self.access("lock", self.lock_fails, LOCK_FAILS);
            if let Some(meanwhile) = self.meanwhile.take() {
                meanwhile(self);
            }
            let step = self.machine.begin_refresh(call, locked, self.now);
            match self.run(step) {
                RefreshStart::Send(latest) => call = latest,
                RefreshStart::Done(outcome) => return self.refresh_answer(outcome),
            }
        }
        self.ask("refresh");
        if let Some(meanwhile) = self.unlocked.take() {
            meanwhile(self);
        }
        let reply = self.refresh_reply();
        let step = self.machine.on_refresh_reply(call, reply, self.now);
        let outcome = self.run(step);
        self.refresh_answer(outcome)
    }

    /// What the caller gets; if the session was over, the caller asks again.
    fn refresh_answer(&mut self, outcome: RefreshOutcome) -> Result<Option<Session>, SessionError> {
        answer(outcome).unwrap_or_else(|| self.session_of(false))
    }

    fn refresh_asked(&mut self) -> Refresh {
        let step = self
            .machine
            .session(true, self.machine.refresh_count(), self.now);
        let Ok(SessionLookup::NeedsRefresh(call)) = self.run(step) else {
            panic!("no refresh is needed");
        };
        self.ask("refresh");
        call
    }

    fn refreshed(&mut self, call: Refresh) -> String {
        let reply = self.refresh_reply();
        let step = self.machine.on_refresh_reply(call, reply, self.now);
        answer(self.run(step)).map_or_else(|| "over".to_owned(), |answer| session(&answer))
    }

    fn sign_in(&mut self) -> String {
        let attempt = self.begin_sign_in();
        let session = self.session_of(false);
        let step = self.machine.sign_in(attempt, &session, self.now);
        match self.run(step) {
            Ok(()) => {
                self.ask("sign-in");
                if let Some(unlocked) = self.unlocked.take() {
                    unlocked(self);
                }
                self.signed_in(attempt)
            }
            Err(error) => sign_in_error(&error),
        }
    }

    fn sign_in_asked(&mut self) -> Attempt {
        let attempt = self.begin_sign_in();
        let step = self.machine.sign_in(attempt, &Ok(None), self.now);
        self.run(step).unwrap();
        self.ask("sign-in");
        attempt
    }

    fn begin_sign_in(&mut self) -> Attempt {
        let step = self.machine.begin_sign_in();
        self.run(step)
    }

    fn next_sign_out(&mut self) -> SignOutId {
        self.sign_outs += 1;
        SignOutId(self.sign_outs)
    }

    /// The caller of the latest sign-out is dropped.
    fn sign_out_dropped(&mut self) {
        let step = self.machine.finish_sign_out(SignOutId(self.sign_outs));
        self.run(step);
    }

    fn sign_out_asked(&mut self) -> (SignOut, Option<RefreshToken>) {
        let id = self.next_sign_out();
        let step = self
            .machine
            .sign_out(id, SignOutScope::ThisDevice, self.now);
        let SignOutPlan::CallProvider {
            sign_out,
            call: SignOutCall::Revoke(token),
            ..
        } = self.run(step)
        else {
            panic!("there is nothing to tell");
        };
        self.ask("revoke");
        (sign_out, Some(token))
    }

    fn signed_out(&mut self, (sign_out, told): (SignOut, Option<RefreshToken>)) -> String {
        let step = self.machine.on_sign_out_reply(&sign_out, told);
        match self.run(step) {
            SignOutOutcome::SignedOut {
                also_revoke,
                unread,
            } => {
                if also_revoke.is_some() {
                    self.ask("revoke");
                }
                out(unread)
            }
            SignOutOutcome::StillSignedIn(error) => sign_out_result(Err(error)),
        }
    }

    fn signed_in(&mut self, attempt: Attempt) -> String {
        let reply = self.sign_in_reply.clone();
        let step = self.machine.on_sign_in_reply(attempt, reply, self.now);
        match self.run(step) {
            Ok(SignInResult::SignedIn(begun)) => {
                if begun.replaced.is_some() {
                    self.ask("revoke");
                }
                "done".to_owned()
            }
            Ok(SignInResult::Challenged(challenge)) => format!("challenge {challenge:?}"),
            Err(reason) => sign_in_error(&reason.into()),
        }
    }

    fn answer(&mut self) -> String {
        self.answer_with(&Answer::Code("123456".into()))
    }

    fn answer_with(&mut self, answer: &Answer) -> String {
        let step = self.machine.answer(answer);
        match self.run(step) {
            Ok((attempt, _)) => {
                self.ask("answer");
                self.signed_in(attempt)
            }
            Err(ConfirmSignInError::NoChallenge) => "no challenge".to_owned(),
            Err(ConfirmSignInError::UnfittingAnswer) => "unfitting answer".to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    fn sign_out(&mut self) -> String {
        self.sign_out_of(SignOutScope::ThisDevice)
    }

    fn sign_out_of(&mut self, scope: SignOutScope) -> String {
        let id = self.next_sign_out();
        let step = self.machine.sign_out(id, scope, self.now);
        let mut plan = self.run(step);
        if self.machine.is_shared
            && let SignOutPlan::CallProvider { sign_out, .. } = plan.clone()
        {
            if let Err(error) = self.access("lock", self.lock_fails, LOCK_FAILS) {
                let step = self.machine.abandon_sign_out(id);
                self.run(step);
                return sign_out_result(Err(error));
            }
            if let Some(meanwhile) = self.meanwhile.take() {
                meanwhile(self);
            }
            let step = self.machine.sign_out_locked(sign_out, scope, self.now);
            plan = self.run(step);
        }
        match plan {
            SignOutPlan::SignedOut { unread, .. } => out(unread),
            SignOutPlan::StillSignedIn(error) => sign_out_result(Err(error)),
            SignOutPlan::CallProvider { sign_out, call, .. } => {
                let told = match call {
                    SignOutCall::Revoke(token) => {
                        self.ask("revoke");
                        Some(token)
                    }
                    SignOutCall::Everywhere {
                        refresh,
                        needs_refresh,
                        ..
                    } => self.end_everywhere(refresh, needs_refresh),
                };
                if let Some(unlocked) = self.unlocked.take() {
                    unlocked(self);
                }
                self.signed_out((sign_out, told))
            }
        }
    }

    /// As the client does it; the provider says `told`.
    fn end_everywhere(
        &mut self,
        refresh: Option<RefreshToken>,
        needs_refresh: bool,
    ) -> Option<RefreshToken> {
        if needs_refresh {
            let lookup = self
                .machine
                .session(false, self.machine.refresh_count(), self.now);
            if let SessionLookup::NeedsRefresh(call) = self.run(lookup).unwrap() {
                let _ = self.refresh(Refresh {
                    is_quiet: true,
                    ..call
                });
            }
        }
        self.ask("sign-out everywhere");
        self.told.as_ref().err()?;
        self.ask("revoke");
        refresh
    }

    fn delete_user(&mut self) -> String {
        let session = self.session_of(false);
        let id = self.next_sign_out();
        let step = self.machine.delete_user(id, session);
        match self.run(step) {
            Ok(deletion) => {
                self.ask("delete");
                if self.told.is_err() {
                    return "refused by the provider".to_owned();
                }
                self.signed_out((deletion.sign_out, None))
            }
            Err(DeleteUserError::SignedOut) => "nobody".to_owned(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn event(event: &AuthEvent) -> String {
    match event {
        AuthEvent::TokenRefreshFailure { session_ended, .. } => {
            let ended = if *session_ended { "ended" } else { "kept" };
            format!("→{}, {ended}", event.kind())
        }
        _ => format!("→{}", event.kind()),
    }
}

/// What a caller is told, unless the session was over.
fn answer(outcome: RefreshOutcome) -> Option<Result<Option<Session>, SessionError>> {
    match outcome {
        RefreshOutcome::Renewed(session) => Some(Ok(Some(session))),
        RefreshOutcome::SignedOut => Some(Ok(None)),
        RefreshOutcome::Failed(error) => Some(Err(error)),
        RefreshOutcome::Stale => None,
    }
}

fn session(answer: &Result<Option<Session>, SessionError>) -> String {
    match answer {
        Ok(Some(_)) => "session".to_owned(),
        Ok(None) => "signed out".to_owned(),
        Err(SessionError::Ended(_)) => "ended".to_owned(),
        Err(SessionError::Unreachable(_)) => "unreachable".to_owned(),
        Err(SessionError::Misconfigured(_)) => "misconfigured".to_owned(),
        Err(SessionError::NoRefreshToken) => "no refresh token".to_owned(),
        Err(SessionError::Store(error)) => store_error(*error),
    }
}

fn sign_in_error(error: &SignInError) -> String {
    match error {
        SignInError::AlreadySignedIn => "already signed in".to_owned(),
        SignInError::Provider(_) => "refused by the provider".to_owned(),
        SignInError::Superseded => "superseded".to_owned(),
        SignInError::Store(error) => store_error(*error),
        SignInError::Input(error) => panic!("{error}"),
    }
}

fn sign_out_result(done: Result<(), StoreError>) -> String {
    done.map_or_else(store_error, |()| "out".to_owned())
}

fn out(unread: Option<StoreError>) -> String {
    let unread = unread.map(|error| format!(", {}", store_error(error)));
    sign_out_result(Ok(())) + &unread.unwrap_or_default()
}

fn store_error(error: StoreError) -> String {
    let what = match error {
        StoreError::Read(_) => "cannot be read",
        StoreError::Write(_) => "cannot be written",
        StoreError::Lock(_) => "cannot be locked",
        StoreError::NotReadBack => "not read back",
    };
    format!("store: {what}")
}

fn stored() -> Session {
    Session {
        user: user(),
        tokens: Tokens::received(issued(), SystemTime::UNIX_EPOCH),
        by_redirect: false,
    }
}

fn signed_in() -> SignInReply {
    SignInReply::SignedIn {
        user: user(),
        tokens: issued(),
    }
}

fn challenged(challenge: Challenge) -> SignInReply {
    SignInReply::Challenged(OpenChallenge {
        username: "ada".to_owned(),
        challenge,
        continuation: "c".into(),
    })
}

fn user() -> AuthUser {
    AuthUser::new("ada", "u-1")
}

fn issued() -> IssuedTokens {
    IssuedTokens {
        access: Lasting {
            token: "access".into(),
            lifetime: LIFETIME,
        },
        id: None,
        refresh: Some("refresh".into()),
    }
}

fn failure(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(kind, "Failure", "it failed")
}
