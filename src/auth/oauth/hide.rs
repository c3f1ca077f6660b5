//! Secrets in the errors of a provider, which may repeat what it was sent.

use std::cmp::Reverse;
use std::ops::Range;

use super::failure::UNNAMED;
use crate::auth::error::ProviderError;
use crate::text::{MAX_TEXT, on_one_line};

/// Hides what was sent in an error: a provider may repeat it, and errors are shown.
///
/// A password or a client secret may be a plain word, which the provider's own message may contain as
/// well. A message that hid it would tell that the secret is such a word. So a plain word is hidden
/// only in quotation marks, other short secrets as a whole, and a token wherever it occurs: as it is,
/// as a form or a URL encodes it, and as it is printed.
pub(crate) fn hide_secrets<'s>(
    error: ProviderError,
    sent: impl IntoIterator<Item = &'s str>,
) -> ProviderError {
    let ProviderError {
        kind,
        mut name,
        mut message,
    } = error;
    let mut forms: Vec<String> = sent.into_iter().flat_map(forms).collect();
    // The longest first: a secret may be a part of another.
    forms.sort_by_key(|form| Reverse(form.len()));
    let is_cut = message.chars().count() >= MAX_TEXT;
    for form in forms.iter().filter(|form| !matches!(&***form, "" | HIDDEN)) {
        if hide(&name, form, false) != name {
            UNNAMED.clone_into(&mut name);
        }
        message = hide(&message, form, is_cut);
    }
    ProviderError {
        kind,
        name,
        message,
    }
}

/// A secret as it is, as a message shows it, and as a message quotes it.
fn forms(secret: &str) -> [String; 3] {
    let shown = on_one_line(secret);
    let quoted = format!("{shown:?}");
    let quoted = quoted[1..quoted.len() - 1].to_owned();
    [secret.to_owned(), shown, quoted]
}

const HIDDEN: &str = "…";

/// Hides a secret in a text, of which the end may be cut off.
fn hide(text: &str, secret: &str, is_cut: bool) -> String {
    let encodings = [Encoding::Plain, Encoding::Url, Encoding::Form];
    encodings
        .iter()
        .fold(text.to_owned(), |mut text, encoding| {
            while let Some(range) = Decoded::of(&text, *encoding).find(secret, is_cut) {
                text.replace_range(range, HIDDEN);
            }
            text
        })
}

#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    /// With bytes as `%20` ([RFC 3986, section
    /// 2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)).
    Url,
    /// With spaces as `+` besides.
    Form,
}

/// A text without its encoding.
struct Decoded {
    bytes: Vec<u8>,
    /// Where each byte begins in the text, and where the last ends.
    starts: Vec<usize>,
}

impl Decoded {
    fn of(text: &str, encoding: Encoding) -> Self {
        let (mut bytes, mut starts, mut at) = (Vec::new(), Vec::new(), 0);
        while let Some(&byte) = text.as_bytes().get(at) {
            let digits = text.get(at + 1..at + 3).filter(|_| byte == b'%');
            let digits = digits.filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
            let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let (byte, size) = match (encoding, byte, escaped) {
                (Encoding::Url | Encoding::Form, _, Some(escaped)) => (escaped, 3),
                (Encoding::Form, b'+', _) => (b' ', 1),
                _ => (byte, 1),
            };
            bytes.push(byte);
            starts.push(at);
            at += size;
        }
        starts.push(text.len());
        Self { bytes, starts }
    }

    /// The first part of the text that is to be hidden.
    fn find(&self, secret: &str, is_cut: bool) -> Option<Range<usize>> {
        let whole = self.bytes.windows(secret.len()).enumerate();
        let mut whole = whole.filter(|(_, part)| *part == secret.as_bytes());
        let whole = whole.find(|(at, _)| self.is_hidden(*at, secret));
        if let Some((at, _)) = whole {
            return Some(self.starts[at]..self.starts[at + secret.len()]);
        }
        let cut = if is_cut { self.cut_off(secret) } else { None };
        let cut = cut.or_else(|| self.beginning(secret))?;
        Some(self.starts[cut]..*self.starts.last()?)
    }

    /// Where a secret begins that is cut off with the end of the text.
    fn cut_off(&self, secret: &str) -> Option<usize> {
        let all = self.bytes.len();
        // An escape may be cut off as well.
        let is_end = |end: &usize| *end == all || self.bytes[*end] == b'%';
        let mut ends = (all.saturating_sub(2)..=all).rev().filter(is_end);
        ends.find_map(|end| {
            let mut begins = 0..end.saturating_sub(CUT_OFF - 1);
            begins.find(|at| {
                let known = &self.bytes[*at..end];
                secret.as_bytes().starts_with(known) && self.is_hidden(*at, secret)
            })
        })
    }

    /// Where a token begins of which the rest may be cut off.
    fn beginning(&self, secret: &str) -> Option<usize> {
        let beginning = beginning(secret).as_bytes();
        let mut parts = self.bytes.windows(beginning.len());
        is_token(secret).then(|| parts.position(|part| part == beginning))?
    }

    /// Whether a secret is to be hidden that is found here.
    fn is_hidden(&self, at: usize, secret: &str) -> bool {
        const QUOTES: [char; 4] = ['\'', '"', '`', '“'];
        let before = String::from_utf8_lossy(&self.bytes[..at]);
        let after = self.bytes.get(at + secret.len()..).unwrap_or_default();
        let after = String::from_utf8_lossy(after);
        let is_whole =
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        is_token(secret) || is_whole && (!is_word(secret) || before.ends_with(QUOTES))
    }
}

/// How much of a secret must be there, in bytes, to be hidden at the end of a text.
const CUT_OFF: usize = 4;

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
    use crate::text::sanitize;

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
    fn a_secret_is_not_shown_in_any_encoding() {
        let passphrase = "correct horse-battery staple";
        for (message, secret) in [
            ("no 4%2f0Ab!", "4/0Ab"),
            ("no 4%2F0Ab!", "4/0Ab"),
            ("no 4/0%41b!", "4/0Ab"),
            ("no a~b1!", "a~b1"),
            ("no a%7Eb1!", "a~b1"),
            ("no a%7eb1!", "a~b1"),
            ("no a%2Ab1!", "a*b1"),
            ("no z%C3%BC1!", "zü1"),
            ("no z%c3%bc1!", "zü1"),
            ("no 100%25 s3c!", "100% s3c"),
            ("no 100% s3c!", "100% s3c"),
            ("no a+b%2bc1!", "a b+c1"),
            ("no%20hunter2%20!", "hunter2"),
            ("no correct+horse-battery%20staple!", passphrase),
        ] {
            let shown = hidden(message, secret);
            let decoded = shown.replace("%20", "");
            assert_eq!(decoded.replace(' ', ""), "no…!", "{message}: {shown}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_as_it_is_printed() {
        let secret = "hunter\u{200b}\u{1b}2 \"x\\y\"";
        let printed = sanitize(secret);
        assert_eq!(hidden(&format!("no {printed}!"), secret), "no …!");
        assert_eq!(hidden(&format!("no {printed:?}!"), secret), "no \"…\"!");
    }

    /// A foreign text is cut off at 256 characters.
    #[test]
    fn the_beginning_of_a_secret_is_not_shown_at_the_end_of_a_message() {
        for (secret, encoded) in [
            ("hunter2hunter2", "hunter2hunter2"),
            ("4/0AbCdEf~1", "4%2f0AbCdEf~1"),
            ("Xy 7 battery staple", "Xy+7+battery+staple"),
            ("abcdefgh.12345678.0", "abcdefgh.12345678.0"),
        ] {
            let count = encoded.chars().count();
            for left in 6..count {
                let before = format!("{} ", "x".repeat(255 - left));
                let shown = hidden(&sanitize(&format!("{before}{encoded}")), secret);
                assert_eq!(shown, format!("{before}…"), "{secret} {left}");
            }
        }
        let before = format!("{} ", "x".repeat(250));
        let message = sanitize(&format!("{before}password"));
        assert_eq!(hidden(&message, "password"), message, "a word");
        let before = format!("of hunter22 {} ", "x".repeat(237));
        let message = sanitize(&format!("{before}s3cret-word"));
        let error = ProviderError::new(ProviderErrorKind::Rejected, "N", message);
        let shown = hide_secrets(error, ["hunter22", "s3cret-word"]).message;
        assert_eq!(shown, before.replace("hunter22", "…") + "…", "two of them");
    }

    #[test]
    fn a_secret_that_is_a_part_of_another_hides_no_less() {
        let message = "no abcdefgh.12345678-tail!";
        for secrets in [
            ["abcdefgh.12345678", "abcdefgh.12345678-tail"],
            ["abcdefgh.12345678-tail", "abcdefgh.12345678"],
        ] {
            let error = ProviderError::new(ProviderErrorKind::Rejected, "N", message);
            assert_eq!(hide_secrets(error, secrets).message, "no …!");
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
