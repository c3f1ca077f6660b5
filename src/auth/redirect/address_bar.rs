//! The address bar of a page, to which the provider sends the user back.

use url::Url;
use url::form_urlencoded::parse;

/// What a provider adds to a redirect URI: [RFC 6749, section
/// 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2), [RFC
/// 9207](https://www.rfc-editor.org/rfc/rfc9207), and OpenID Connect Session Management.
const ADDED: [&str; 7] = [
    "code",
    "error",
    "error_description",
    "error_uri",
    "iss",
    "session_state",
    "state",
];

/// An address that may be a callback.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallbackInPage {
    /// The address without what a provider has added.
    pub(crate) cleared: String,
    /// Whether it has a state, as every answer to a request with a state should. Some providers send an
    /// error without it, and so may the page for reasons of its own.
    pub(crate) has_state: bool,
}

/// `None` if the address is no callback: it has neither an error nor a code with a state.
pub(crate) fn callback_in(address: &str) -> Option<CallbackInPage> {
    let mut url = Url::parse(address).ok()?;
    let query = url.query()?.to_owned();
    let has = |name: &str| parse(query.as_bytes()).any(|(key, _)| key == name);
    let has_state = has("state");
    if !(has("error") || has_state && has("code")) {
        return None;
    }
    // As they came: another encoding of the same text could mean something else to the page.
    let is_own = |pair: &&str| {
        let name = parse(pair.as_bytes()).next().map(|(name, _)| name);
        name.is_none_or(|name| !ADDED.contains(&&*name))
    };
    let own: Vec<_> = query.split('&').filter(is_own).collect();
    url.set_query(Some(&*own.join("&")).filter(|own| !own.is_empty()));
    let cleared = url.into();
    Some(CallbackInPage { cleared, has_state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_has_added_is_taken_out_and_the_rest_stays() {
        let page = "https://app.example.org/cart";
        for (query, rest) in [
            ("?code=c&state=s", ""),
            (
                "?state=s&code=c&iss=https%3A%2F%2Fid.example.org&session_state=x",
                "",
            ),
            (
                "?error=access_denied&error_description=no&error_uri=u&state=s",
                "",
            ),
            (
                "?step=2&code=c&state=s&q=a%20b+c#end",
                "?step=2&q=a%20b+c#end",
            ),
            ("?co%64e=c&sta%74e=s", ""),
            ("?code=c&code=d&state=s", ""),
        ] {
            let found = callback_in(&format!("{page}{query}")).unwrap();
            assert_eq!(found.cleared, format!("{page}{rest}"), "{query}");
            assert!(found.has_state, "{query}");
        }
    }

    #[test]
    fn an_error_without_a_state_may_be_one_of_the_pages_own() {
        let found = callback_in("https://app.example.org/?error=full&session_state=x&step=2");
        let found = found.unwrap();
        assert_eq!(found.cleared, "https://app.example.org/?step=2");
        assert!(!found.has_state);
    }

    #[test]
    fn an_address_that_is_no_callback_stays() {
        for query in [
            "",
            "?",
            "?code=c",
            "?state=s",
            "?q=state&r=code",
            "#code=c&state=s",
        ] {
            let address = format!("https://app.example.org/{query}");
            assert_eq!(callback_in(&address), None, "{query}");
        }
        assert_eq!(callback_in("no address?code=c&state=s"), None);
    }
}
