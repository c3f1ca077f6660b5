//! The operations of a pool, and the faults to inject.

use strum::{Display, EnumIter};

use crate::auth::error::{ProviderError, ProviderErrorKind};

/// An operation of a provider.
///
/// ```
/// use typed_hub::auth::{MemoryProvider, Operation};
///
/// assert_eq!(MemoryProvider::new().count(Operation::Refresh), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumIter)]
pub enum Operation {
    /// [`sign_up`](crate::auth::UserPool::sign_up)
    SignUp,
    /// [`confirm_sign_up`](crate::auth::UserPool::confirm_sign_up)
    ConfirmSignUp,
    /// [`resend_sign_up_code`](crate::auth::UserPool::resend_sign_up_code)
    ResendSignUpCode,
    /// [`sign_in`](crate::auth::UserPool::sign_in)
    SignIn,
    /// [`answer`](crate::auth::UserPool::answer)
    Answer,
    /// [`reset_password`](crate::auth::UserPool::reset_password)
    ResetPassword,
    /// [`confirm_reset_password`](crate::auth::UserPool::confirm_reset_password)
    ConfirmResetPassword,
    /// [`authorize_url`](crate::auth::RedirectProvider::authorize_url)
    AuthorizeUrl,
    /// [`exchange`](crate::auth::RedirectProvider::exchange)
    Exchange,
    /// [`refresh`](crate::auth::IdentityProvider::refresh)
    Refresh,
    /// [`revoke`](crate::auth::IdentityProvider::revoke)
    Revoke,
    /// [`sign_out_everywhere`](crate::auth::IdentityProvider::sign_out_everywhere)
    SignOutEverywhere,
    /// [`delete_user`](crate::auth::UserPool::delete_user)
    DeleteUser,
}

/// A fault of an operation, on demand.
///
/// ```
/// use typed_hub::auth::{Fault, MemoryProvider, Operation};
///
/// let pool = MemoryProvider::new();
/// pool.fail(Operation::Refresh, Fault::Throttled);
/// pool.clear_fault(Operation::Refresh);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumIter)]
pub enum Fault {
    /// The pool is not reached. Ends no session.
    NetworkDown,
    /// The pool gets too many requests. Ends no session.
    Throttled,
    /// The pool refuses as not authorised.
    NotAuthorized,
    /// The pool refuses for another reason.
    Rejected,
    /// The pool does not answer until the fault is [cleared](super::MemoryProvider::clear_fault).
    NoAnswer,
}

impl Fault {
    /// The error that the caller gets; `None` if the pool does not answer.
    pub(super) fn error(self) -> Option<ProviderError> {
        use ProviderErrorKind::{InTransit, NotAuthorized, Rejected};
        let (kind, name, message) = match self {
            Self::NetworkDown => (InTransit, "NetworkError", "the network is down"),
            Self::Throttled => (
                InTransit,
                "TooManyRequestsException",
                "too many requests, slow down",
            ),
            Self::NotAuthorized => (NotAuthorized, "NotAuthorizedException", "not authorised"),
            Self::Rejected => (
                Rejected,
                "PasswordResetRequiredException",
                "the password must be reset",
            ),
            Self::NoAnswer => return None,
        };
        Some(ProviderError::new(kind, name, message))
    }
}
