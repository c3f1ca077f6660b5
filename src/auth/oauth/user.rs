//! The name of a user, from claims.

use super::json::Members;
use crate::text::deceives;

/// The longest user name, in characters. A longer one is no name.
const MAX_NAME: usize = 256;

/// The claims that name a user unless the application says otherwise.
pub(crate) const USERNAME_CLAIMS: [&str; 3] = ["cognito:username", "preferred_username", "email"];

/// The longest subject identifier, in characters ([OpenID Connect Core, section
/// 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
pub(crate) const MAX_SUBJECT: usize = 255;

/// Whether a text can be a subject identifier: it is not too long, and all of it is shown.
pub(crate) fn is_subject(text: &str) -> bool {
    let is_hidden = |c| deceives(c) || c == char::REPLACEMENT_CHARACTER;
    text.chars().count() <= MAX_SUBJECT && !text.contains(is_hidden)
}

/// The first of these claims that is a name, in the first of these sources.
///
/// An e-mail address that is not verified may be another person's, so it is no name ([OpenID
/// Connect Core, section
/// 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)). A name with
/// characters that are not shown is none: without them it might be the name of another user.
pub(crate) fn name_in(sources: &[&Members], names: &[String]) -> Option<String> {
    let is_name = |text: &String| {
        let is_shown = !text.contains(|c| deceives(c) || c == char::REPLACEMENT_CHARACTER);
        is_shown && text.chars().count() <= MAX_NAME && !text.trim().is_empty()
    };
    names.iter().find_map(|name| {
        let may_name = |claims: &&&Members| name != "email" || claims.is_true("email_verified");
        let mut claims = sources.iter().filter(may_name);
        claims.find_map(|claims| claims.text(name).filter(is_name))
    })
}
