//! Values that must not be seen: passwords, tokens, codes.
//!
//! Each kind is a type of its own, so that an access token cannot be handed in where a refresh
//! token is meant. Its `Debug` is redacted, it has no `Display`, it does not serialise, and its
//! memory is zeroed when it is dropped; so is that of a `String` it is made from, but not what a
//! caller keeps of a `&str`. [`expose`](Password::expose) is the one way to the text,
//! and easy to search for.

use std::fmt;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// The text itself. Do not print, log or store what this returns in the clear.
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

        /// Compares in a time that depends on the length alone.
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
    /// What a user signs in with.
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

    /// Buys new tokens when the others have expired
    /// ([RFC 6749, section 1.5](https://www.rfc-editor.org/rfc/rfc6749#section-1.5)).
    RefreshToken;

    /// A code that the user reads from a message or an authenticator application.
    Code;

    /// The answer to a challenge that the application has devised itself.
    CustomAnswer;

    /// The key from which an authenticator application makes its codes
    /// ([RFC 6238](https://www.rfc-editor.org/rfc/rfc6238)).
    TotpKey;

    /// What the browser brings back from a sign-in by redirect, to be traded for tokens
    /// ([RFC 6749, section 1.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-1.3.1)).
    AuthorizationCode;

    /// The proof that whoever trades a code has also asked for it
    /// ([RFC 7636, section 4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1)).
    CodeVerifier;

    /// What a callback must carry to be the answer to this request
    /// ([RFC 6749, section 10.12](https://www.rfc-editor.org/rfc/rfc6749#section-10.12)).
    RedirectState;

    /// What an id token must carry to be the answer to this request
    /// ([OpenID Connect Core, section 15.5.2](https://openid.net/specs/openid-connect-core-1_0.html#NonceNotes)).
    Nonce;

    /// What an application proves itself with to a provider, where it can keep a secret
    /// ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    ClientSecret;

    /// What a provider needs to go on with a sign-in that waits for an answer. Only the provider
    /// that made it can read it.
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
