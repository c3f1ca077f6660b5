//! What a provider may ask in the course of a sign-in, and what is answered.

use super::Attributes;
use crate::auth::secret::{Code, Continuation, CustomAnswer, Password, TotpKey};

/// A question that stands between a user and their session.
///
/// Answer it with [`confirm_sign_in`](super::super::AuthClient::confirm_sign_in). The enum is
/// exhaustive: a sign-in form that matches it has a page for each.
///
/// ```
/// use typed_hub::auth::Challenge;
///
/// fn question(challenge: &Challenge) -> String {
///     match challenge {
///         Challenge::TotpCode => "The code your authenticator shows:".into(),
///         Challenge::SmsCode { destination } | Challenge::EmailCode { destination } => {
///             format!("The code sent to {}:", destination.as_deref().unwrap_or("you"))
///         }
///         Challenge::NewPassword { .. } => "A new password:".into(),
///         Challenge::SetUpTotp { .. } => "Add the key, then enter the code it shows:".into(),
///         Challenge::SelectMfa { .. } | Challenge::SelectFirstFactor { .. } => "Which way?".into(),
///         Challenge::Password => "Your password:".into(),
///         Challenge::ResetPassword => "Your password must be reset first.".into(),
///         Challenge::ConfirmSignUp => "Confirm your sign-up first.".into(),
///         Challenge::Custom { parameters } => format!("{parameters:?}"),
///     }
/// }
/// assert_eq!(question(&Challenge::Password), "Your password:");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A question the application has devised. Takes [`Answer::Custom`].
    Custom {
        /// What the application's own server says about it.
        parameters: Attributes,
    },
    /// The password must be changed now. Takes [`Answer::NewPassword`].
    NewPassword {
        /// The attributes that must be given as well.
        missing_attributes: Vec<String>,
    },
    /// Which second factor? Takes [`Answer::Mfa`].
    SelectMfa {
        /// Those the user can use.
        allowed: Vec<MfaMethod>,
    },
    /// The code that the user's authenticator application shows. Takes [`Answer::Code`].
    TotpCode,
    /// A code sent by SMS. Takes [`Answer::Code`].
    SmsCode {
        /// Where to, as far as the provider tells.
        destination: Option<String>,
    },
    /// A code sent by email. Takes [`Answer::Code`].
    EmailCode {
        /// Where to, as far as the provider tells.
        destination: Option<String>,
    },
    /// The user must set up an authenticator application. Takes [`Answer::Code`]: the first code
    /// it shows.
    SetUpTotp {
        /// The key to show to the user, or to put into a QR code.
        key: TotpKey,
    },
    /// Which first factor? Takes [`Answer::FirstFactor`].
    SelectFirstFactor {
        /// Those the user can use.
        available: Vec<FirstFactor>,
    },
    /// The password, after all. Takes [`Answer::Password`].
    Password,
    /// The password must be reset before the user can sign in. Takes no answer.
    ResetPassword,
    /// The sign-up must be confirmed before the user can sign in. Takes no answer: call
    /// [`confirm_sign_up`](super::super::AuthClient::confirm_sign_up), then sign in again.
    ConfirmSignUp,
}

impl Challenge {
    /// Whether an answer is of the kind this challenge asks for.
    ///
    /// ```
    /// use typed_hub::auth::{Answer, Challenge};
    ///
    /// assert!(Challenge::TotpCode.takes(&Answer::Code("123456".into())));
    /// assert!(!Challenge::ConfirmSignUp.takes(&Answer::Code("123456".into())));
    /// ```
    #[must_use]
    pub const fn takes(&self, answer: &Answer) -> bool {
        match self {
            Self::Custom { .. } => matches!(answer, Answer::Custom(_)),
            Self::NewPassword { .. } => matches!(answer, Answer::NewPassword { .. }),
            Self::SelectMfa { .. } => matches!(answer, Answer::Mfa(_)),
            Self::TotpCode
            | Self::SmsCode { .. }
            | Self::EmailCode { .. }
            | Self::SetUpTotp { .. } => matches!(answer, Answer::Code(_)),
            Self::SelectFirstFactor { .. } => matches!(answer, Answer::FirstFactor(_)),
            Self::Password => matches!(answer, Answer::Password(_)),
            Self::ResetPassword | Self::ConfirmSignUp => false,
        }
    }
}

/// The answer to a [`Challenge`].
///
/// ```
/// use typed_hub::auth::{Answer, Challenge, MfaMethod};
///
/// let answer = Answer::Mfa(MfaMethod::Totp);
/// assert!(Challenge::SelectMfa { allowed: vec![MfaMethod::Totp] }.takes(&answer));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A code that was sent, or that an authenticator application shows.
    Code(Code),
    /// The password to use from now on.
    NewPassword {
        /// The new password.
        password: Password,
        /// The attributes that were missing.
        attributes: Attributes,
    },
    /// The second factor the user prefers.
    Mfa(MfaMethod),
    /// The first factor the user prefers.
    FirstFactor(FirstFactor),
    /// The password.
    Password(Password),
    /// The answer to the application's own question.
    Custom(CustomAnswer),
}

/// A second factor.
///
/// ```
/// use typed_hub::auth::{Challenge, MfaMethod};
///
/// let challenge = Challenge::SelectMfa { allowed: vec![MfaMethod::Totp, MfaMethod::Sms] };
/// # drop(challenge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MfaMethod {
    /// The code of an authenticator application.
    Totp,
    /// A code by SMS.
    Sms,
    /// A code by email.
    Email,
}

/// A first factor.
///
/// ```
/// use typed_hub::auth::{Challenge, FirstFactor};
///
/// let challenge = Challenge::SelectFirstFactor { available: vec![FirstFactor::EmailCode] };
/// # drop(challenge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstFactor {
    /// The password.
    Password,
    /// A code by SMS.
    SmsCode,
    /// A code by email.
    EmailCode,
    /// A passkey.
    Passkey,
}

/// A challenge, and what its provider needs to take up the sign-in where it was left.
///
/// ```
/// use typed_hub::auth::{Challenge, OpenChallenge, SignInReply};
///
/// let reply = SignInReply::Challenged(OpenChallenge {
///     username: "ada".into(),
///     challenge: Challenge::TotpCode,
///     continuation: "the provider's own note".into(),
/// });
/// # drop(reply);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChallenge {
    /// The name the sign-in began with.
    pub username: String,
    /// The question.
    pub challenge: Challenge,
    /// The provider's own note of where the sign-in stands.
    pub continuation: Continuation,
}
