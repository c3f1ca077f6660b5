//! The user, and how they signed in.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, IntoStaticStr};

/// A user, as the identity provider identifies them.
///
/// On the wire: `{"username":"…","userId":"…"}`, and `"signInDetails":{…}` if there are any.
///
/// ```
/// use typed_hub::auth::AuthUser;
///
/// let user = AuthUser::new("ada", "u-1");
/// assert_eq!(serde_json::to_string(&user)?, r#"{"username":"ada","userId":"u-1"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuthUser {
    /// The name that the provider gives the user.
    pub username: String,
    /// The identifier, which stays when the name changes (`sub` in an id token).
    pub user_id: String,
    /// How the user signed in; `None` after a sign-in by redirect, which the provider's page
    /// handles.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_details"
    )]
    pub sign_in_details: Option<SignInDetails>,
}

impl AuthUser {
    /// Makes a user without sign-in details.
    #[must_use]
    pub fn new(username: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            user_id: user_id.into(),
            sign_in_details: None,
        }
    }

    /// Sets how the user signed in.
    #[must_use]
    pub fn with_sign_in_details(self, details: SignInDetails) -> Self {
        Self {
            sign_in_details: Some(details),
            ..self
        }
    }
}

/// How a user signed in. It is stored with the session, so that it survives a restart.
///
/// ```
/// use typed_hub::auth::{AuthFlowType, AuthUser, SignInDetails};
///
/// let user = AuthUser::new("ada", "u-1").with_sign_in_details(SignInDetails {
///     login_id: "ada@example.org".into(),
///     auth_flow_type: AuthFlowType::UserSrp,
/// });
/// let wire = serde_json::to_value(&user)?;
/// assert_eq!(wire["signInDetails"]["loginId"], "ada@example.org");
/// assert_eq!(wire["signInDetails"]["authFlowType"], "USER_SRP_AUTH");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInDetails {
    /// The name that the user signed in with: a user name, an email address or a phone number.
    pub login_id: String,
    /// The way of signing in.
    pub auth_flow_type: AuthFlowType,
}

/// A way of signing in with a user pool, by the names that front-end libraries use ([Amplify
/// JS](https://docs.amplify.aws/react/frontend/auth/switching-authentication-flows/)).
///
/// ```
/// use typed_hub::auth::AuthFlowType;
///
/// assert_eq!(AuthFlowType::UserSrp.to_string(), "USER_SRP_AUTH");
/// assert_eq!("USER_AUTH".parse(), Ok(AuthFlowType::User));
/// ```
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    AsRefStr,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    Serialize,
)]
pub enum AuthFlowType {
    /// By Secure Remote Password, which does not send the password: `USER_SRP_AUTH`.
    #[serde(rename = "USER_SRP_AUTH")]
    #[strum(serialize = "USER_SRP_AUTH")]
    UserSrp,
    /// By sending the password: `USER_PASSWORD_AUTH`.
    #[serde(rename = "USER_PASSWORD_AUTH")]
    #[strum(serialize = "USER_PASSWORD_AUTH")]
    UserPassword,
    /// By custom challenges, after Secure Remote Password: `CUSTOM_WITH_SRP`.
    #[serde(rename = "CUSTOM_WITH_SRP")]
    #[strum(serialize = "CUSTOM_WITH_SRP")]
    CustomWithSrp,
    /// By custom challenges alone: `CUSTOM_WITHOUT_SRP`.
    #[serde(rename = "CUSTOM_WITHOUT_SRP")]
    #[strum(serialize = "CUSTOM_WITHOUT_SRP")]
    CustomWithoutSrp,
    /// By a first factor that the user chooses: `USER_AUTH`.
    #[serde(rename = "USER_AUTH")]
    #[strum(serialize = "USER_AUTH")]
    User,
}

/// Reads details that cannot be read as none: those of a later version must not cost a stored
/// session.
fn known_details<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignInDetails>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Details {
        Known(SignInDetails),
        Other(IgnoredAny),
    }
    Ok(match Details::deserialize(from)? {
        Details::Known(details) => Some(details),
        Details::Other(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn a_way_of_signing_in_has_one_name() {
        for flow in AuthFlowType::iter() {
            let wire = serde_json::to_value(flow).unwrap();
            assert_eq!(wire, flow.as_ref());
            assert_eq!(flow.as_ref().parse(), Ok(flow));
        }
    }

    #[test]
    fn details_that_cannot_be_read_are_none() {
        for details in [
            "",
            r#","signInDetails":null"#,
            r#","signInDetails":"by carrier pigeon""#,
            r#","signInDetails":{"loginId":"ada"}"#,
            r#","signInDetails":{"loginId":"ada","authFlowType":"USER_PIGEON_AUTH"}"#,
        ] {
            let stored = format!(r#"{{"username":"ada","userId":"u-1"{details}}}"#);
            let user = serde_json::from_str::<AuthUser>(&stored).unwrap();
            assert_eq!(user, AuthUser::new("ada", "u-1"), "{stored}");
        }
    }
}
