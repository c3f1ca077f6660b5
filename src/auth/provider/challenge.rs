//! What a provider may ask for during a sign-in, and the answers.

use super::Attributes;
use crate::auth::secret::{Code, Continuation, CustomAnswer, PasskeyCredential, Password, TotpKey};

/// A question that a user must answer to sign in.
///
/// Answer it with [`confirm_sign_in`](super::super::AuthClient::confirm_sign_in). The enum is
/// exhaustive, so a sign-in form can have a page for each challenge.
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
///         Challenge::SetUpEmail => "An email address for codes:".into(),
///         Challenge::SelectMfa { .. }
///         | Challenge::SelectMfaSetUp { .. }
///         | Challenge::SelectFirstFactor { .. } => "Which way?".into(),
///         Challenge::Passkey { .. } => "Use your passkey.".into(),
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
    /// A custom question of the application. Takes [`Answer::Custom`].
    Custom {
        /// Parameters from the application's own server, as they came: of any characters and length.
        parameters: Attributes,
    },
    /// The password must be changed now. Takes [`Answer::NewPassword`].
    NewPassword {
        /// Attributes that the answer must contain as well.
        missing_attributes: Vec<String>,
    },
    /// The choice of a second factor. Takes [`Answer::Mfa`].
    SelectMfa {
        /// The factors that the user can use.
        allowed: Vec<MfaMethod>,
    },
    /// The code that the user's authenticator application shows. Takes [`Answer::Code`].
    TotpCode,
    /// A code sent by SMS. Takes [`Answer::Code`].
    SmsCode {
        /// Where the code was sent to, if the provider tells it.
        destination: Option<String>,
    },
    /// A code sent by email. Takes [`Answer::Code`].
    EmailCode {
        /// Where the code was sent to, if the provider tells it.
        destination: Option<String>,
    },
    /// The user must set up an authenticator application. Takes [`Answer::Code`]: the first code
    /// it shows.
    SetUpTotp {
        /// The key to show to the user, or to put into a QR code.
        key: TotpKey,
    },
    /// The user must set up codes by email. Takes [`Answer::Email`]: the address. A code sent there
    /// is asked for next.
    SetUpEmail,
    /// The user must set up a second factor, and chooses which. Takes [`Answer::Mfa`].
    SelectMfaSetUp {
        /// The factors that the user can set up.
        allowed: Vec<MfaMethod>,
    },
    /// A passkey. Takes [`Answer::Passkey`].
    Passkey {
        /// The options for the authenticator, as JSON: the `PublicKeyCredentialRequestOptionsJSON`
        /// of [Web Authentication](https://www.w3.org/TR/webauthn-3/), for
        /// `parseRequestOptionsFromJSON` in a browser.
        options: String,
    },
    /// The choice of a first factor. Takes [`Answer::FirstFactor`].
    SelectFirstFactor {
        /// The factors that the user can use.
        available: Vec<FirstFactor>,
    },
    /// The password. Takes [`Answer::Password`].
    Password,
    /// The password must be reset before the user can sign in. Takes no answer.
    ResetPassword,
    /// The sign-up must be confirmed before the user can sign in. Takes no answer: call
    /// [`confirm_sign_up`](super::super::AuthClient::confirm_sign_up), then sign in again.
    ConfirmSignUp,
}

impl Challenge {
    /// Whether this challenge asks for an answer of this kind, and offers what the answer chooses.
    ///
    /// ```
    /// use typed_hub::auth::{Answer, Challenge};
    ///
    /// assert!(Challenge::TotpCode.takes(&Answer::Code("123456".into())));
    /// assert!(!Challenge::ConfirmSignUp.takes(&Answer::Code("123456".into())));
    /// ```
    #[must_use]
    pub fn takes(&self, answer: &Answer) -> bool {
        match self {
            Self::Custom { .. } => matches!(answer, Answer::Custom(_)),
            Self::NewPassword { .. } => matches!(answer, Answer::NewPassword { .. }),
            Self::SelectMfa { allowed } | Self::SelectMfaSetUp { allowed } => {
                matches!(answer, Answer::Mfa(method) if allowed.contains(method))
            }
            Self::SetUpEmail => matches!(answer, Answer::Email(_)),
            Self::Passkey { .. } => matches!(answer, Answer::Passkey(_)),
            Self::TotpCode
            | Self::SmsCode { .. }
            | Self::EmailCode { .. }
            | Self::SetUpTotp { .. } => matches!(answer, Answer::Code(_)),
            Self::SelectFirstFactor { available } => {
                matches!(answer, Answer::FirstFactor(factor) if available.contains(factor))
            }
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
    /// A code from a message or an authenticator application.
    Code(Code),
    /// A new password.
    NewPassword {
        /// The new password.
        password: Password,
        /// The missing attributes.
        attributes: Attributes,
    },
    /// The second factor that the user chooses.
    Mfa(MfaMethod),
    /// The first factor that the user chooses.
    FirstFactor(FirstFactor),
    /// The password.
    Password(Password),
    /// The answer to a custom question.
    Custom(CustomAnswer),
    /// An email address.
    Email(String),
    /// The credential of a passkey.
    Passkey(PasskeyCredential),
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

/// A challenge, and the provider's state of the sign-in.
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
    /// The user name that the sign-in began with.
    pub username: String,
    /// The question.
    pub challenge: Challenge,
    /// The provider's state of the sign-in.
    pub continuation: Continuation,
}
