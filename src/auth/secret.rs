//! Secret values: passwords, tokens, codes.
//!
//! Each kind is a type of its own, so that an access token cannot be passed as a refresh token.
//! `Debug` is redacted, there is no `Display` and no `Serialize`, and the memory is zeroed on drop.
//! A `String` it is made from is zeroed too; the source of a `&str` is not.
//! [`expose`](Password::expose) is the only way to the text, and easy to search for.

use std::fmt;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Returns the text. Do not print or log it, and do not store it in the clear.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(mut text: String) -> Self {
                // Turned into a secret as it is, it might move and leave a copy behind.
                let secret = Self::from(text.as_str());
                text.zeroize();
                secret
            }
        }

        /// Compares in a time that depends only on the length.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                same_text(self.expose(), other.expose())
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}

secrets! {
    /// The password of a user.
    ///
    /// ```
    /// use typed_hub::auth::Password;
    ///
    /// let password = Password::from("correct horse");
    /// assert_eq!(format!("{password:?}"), "Password(…)");
    /// assert_eq!(password.expose(), "correct horse");
    /// ```
    Password;

    /// Proves to other services that its bearer may act for the user.
    AccessToken;

    /// Tells the application who the user is
    /// ([OpenID Connect Core, section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
    IdToken;

    /// Obtains new tokens when the others have expired ([RFC 6749, section
    /// 1.5](https://www.rfc-editor.org/rfc/rfc6749#section-1.5)).
    RefreshToken;

    /// A code that the user reads from a message or an authenticator application.
    Code;

    /// The answer to a custom challenge of the application.
    CustomAnswer;

    /// The credential with which a passkey answers, as JSON: the `AuthenticationResponseJSON` of
    /// [Web Authentication](https://www.w3.org/TR/webauthn-3/), from `credential.toJSON()` in a
    /// browser.
    PasskeyCredential;

    /// The key from which an authenticator application computes its codes ([RFC
    /// 6238](https://www.rfc-editor.org/rfc/rfc6238)).
    TotpKey;

    /// The code that the browser brings back from a sign-in by redirect, to be exchanged for tokens
    /// ([RFC 6749, section 1.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-1.3.1)).
    AuthorizationCode;

    /// Proves that the application that exchanges a code has also requested it (PKCE) ([RFC 7636,
    /// section 4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1)).
    CodeVerifier;

    /// The value that ties a callback to its request ([RFC 6749, section
    /// 10.12](https://www.rfc-editor.org/rfc/rfc6749#section-10.12)).
    RedirectState;

    /// The value that ties an id token to its request ([OpenID Connect Core, section
    /// 15.5.2](https://openid.net/specs/openid-connect-core-1_0.html#NonceNotes)).
    Nonce;

    /// Authenticates an application that can keep a secret to its provider ([RFC 6749, section
    /// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    ClientSecret;

    /// The provider's state of a sign-in that waits for an answer. Only the provider that made it
    /// can read it.
    Continuation;
}

fn same_text(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left
            .bytes()
            .zip(right.bytes())
            .fold(0, |differing, (a, b)| differing | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_equal_when_their_texts_are() {
        assert_eq!(Password::from("abc"), Password::from("abc".to_owned()));
        assert_ne!(Password::from("abc"), Password::from("abd"));
        assert_ne!(Password::from("abc"), Password::from("ab"));
        assert_ne!(Password::from("abc"), Password::from("zbc"));
    }

    #[test]
    fn debug_says_the_kind_and_nothing_else() {
        assert_eq!(
            format!("{:#?}", RefreshToken::from("s3cret")),
            "RefreshToken(…)"
        );
    }
}
