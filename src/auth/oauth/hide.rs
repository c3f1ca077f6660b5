//! Secrets in the errors of a provider, which may repeat what it was sent.

use std::borrow::Cow;

use url::form_urlencoded::byte_serialize;

use super::failure::UNNAMED;
use crate::auth::error::ProviderError;

/// Hides what was sent in an error: a provider may repeat it, and errors are shown.
///
/// A password or a client secret may be a plain word, which the provider's own message may contain as
/// well. A message that hid it would tell that the secret is such a word. So a plain word is hidden
/// only in quotation marks, other short secrets as a whole, and a token wherever it occurs, as it is
/// or as a form sends it.
pub(crate) fn hide_secrets<'s>(
    error: ProviderError,
    sent: impl IntoIterator<Item = &'s str>,
) -> ProviderError {
    let ProviderError {
        kind,
        mut name,
        mut message,
    } = error;
    for secret in sent.into_iter().filter(|secret| !secret.is_empty()) {
        for form in forms(secret) {
            if hide(&name, &form) != name {
                UNNAMED.clone_into(&mut name);
            }
            message = hide(&message, &form);
        }
    }
    ProviderError {
        kind,
        name,
        message,
    }
}

/// A secret as it is, and as a form or a URL encodes it.
fn forms(secret: &str) -> Vec<Cow<'_, str>> {
    let in_form: String = byte_serialize(secret.as_bytes()).collect();
    let in_url = in_form.replace('+', "%20");
    let mut forms = vec![Cow::Borrowed(secret)];
    forms.extend([in_form, in_url].map(Cow::Owned));
    forms.dedup();
    forms
}

const HIDDEN: &str = "…";

fn hide(text: &str, secret: &str) -> String {
    const QUOTES: [char; 4] = ['\'', '"', '`', '“'];
    let (is_word, is_token) = (is_word(secret), is_token(secret));
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, from) = rest.split_at(at);
        let after = &from[secret.len()..];
        shown.push_str(before);
        let is_whole =
            !shown.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        let is_hidden = is_token || is_whole && (!is_word || shown.ends_with(QUOTES));
        let taken = if is_hidden {
            shown.push_str(HIDDEN);
            secret.len()
        } else {
            let first = from.chars().next();
            shown.extend(first);
            first.map_or(0, char::len_utf8)
        };
        rest = &from[taken..];
    }
    shown.push_str(rest);
    // A long one may have been cut off with the end of the message.
    if is_token && let Some(at) = shown.find(beginning(secret)) {
        shown.truncate(at);
        shown.push_str(HIDDEN);
    }
    shown
}

/// Whether a secret may be a word of a message.
fn is_word(secret: &str) -> bool {
    let rest = secret.trim_start_matches(char::is_uppercase);
    let is_one_case = rest.is_empty() || !rest.contains(char::is_uppercase);
    is_one_case && secret.chars().all(char::is_alphabetic) && secret.chars().count() < 24
}

/// Whether a secret is told from other texts by any part of it.
fn is_token(secret: &str) -> bool {
    secret.len() >= 16 && !secret.contains(' ') && !is_word(secret)
}

/// The part of a token that tells it from other texts.
fn beginning(token: &str) -> &str {
    let end = token.char_indices().nth(16);
    &token[..end.map_or(token.len(), |(end, _)| end)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::error::ProviderErrorKind;
    use crate::auth::error::text::sanitize;

    fn hidden(message: &str, secret: &str) -> String {
        let error = ProviderError::new(ProviderErrorKind::Rejected, "N", message);
        hide_secrets(error, [secret, ""]).message
    }

    #[test]
    fn a_token_that_is_cut_off_or_encoded_is_not_shown() {
        let secret = format!("4/0Ab_{}", "x y".repeat(500));
        let secret = secret.replace(' ', "+");
        let encoded = secret.replace('/', "%2F").replace('+', "%2B");
        for token in [&secret, &encoded] {
            let message = sanitize(&format!("unknown code: {token}"));
            assert_eq!(hidden(&message, &secret), "unknown code: …");
        }
    }

    #[test]
    fn a_secret_is_not_shown_as_a_form_or_a_url_sends_it() {
        for message in ["s3 cr=t", "s3+cr%3Dt", "s3%20cr%3Dt"] {
            assert_eq!(hidden(&format!("({message})"), "s3 cr=t"), "(…)");
        }
    }

    #[test]
    fn a_name_that_shows_a_secret_is_none() {
        let named = |name: &str| {
            let error = ProviderError::new(ProviderErrorKind::Rejected, name, "");
            hide_secrets(error, ["s3cret", "invalid"]).name
        };
        assert_eq!(named("a-s3cret"), UNNAMED);
        assert_eq!(named("invalid_grant"), "invalid_grant");
    }

    /// A random token may have letters only.
    #[test]
    fn letters_are_a_word_if_they_look_like_one() {
        for word in [
            "password",
            "Password",
            "PASSWORD",
            "Straße",
            "misconfiguration",
        ] {
            let message = format!("wrong {word}.");
            assert_eq!(hidden(&message, word), message);
        }
        for token in [
            "SplxlOBeZQQYbYSxWbSbIA",
            "abcdefghijklmnopqrstuvwxyz",
            "aBcD",
        ] {
            assert_eq!(hidden(&format!("wrong {token}."), token), "wrong ….");
        }
    }

    #[test]
    fn a_secret_is_hidden_and_a_word_of_the_message_is_not() {
        let message = "Incorrect username or password.";
        for word in [
            "password",
            "user",
            "or",
            "name",
            "Incorrect",
            ".",
            "username or pass",
        ] {
            assert_eq!(hidden(message, word), message, "{word}");
        }
        for (message, secret, shown) in [
            (
                "'password' is no password",
                "password",
                "'…' is no password",
            ),
            ("hunter2 is wrong", "hunter2", "… is wrong"),
            ("it is not hunter2", "hunter2", "it is not …"),
            ("hunter22 is wrong", "hunter2", "hunter22 is wrong"),
            (
                "the code 123456 is wrong: 123456",
                "123456",
                "the code … is wrong: …",
            ),
            (
                "token=xabcdefgh.12345678y",
                "abcdefgh.12345678",
                "token=x…y",
            ),
            ("a b c d, a b c d e", "a b c d", "…, … e"),
        ] {
            assert_eq!(hidden(message, secret), shown);
        }
    }
}
