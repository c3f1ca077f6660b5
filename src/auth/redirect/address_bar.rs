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

/// The address without what a provider has added; `None` if it is no callback. A callback has a state, and
/// a code or an error.
pub(crate) fn without_callback(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    let query = url.query()?.to_owned();
    let has = |name: &str| parse(query.as_bytes()).any(|(key, _)| key == name);
    if !has("state") || !(has("code") || has("error")) {
        return None;
    }
    // As they came: another encoding of the same text could mean something else to the page.
    let is_own = |pair: &&str| {
        let name = parse(pair.as_bytes()).next().map(|(name, _)| name);
        name.is_none_or(|name| !ADDED.contains(&&*name))
    };
    let own: Vec<_> = query.split('&').filter(is_own).collect();
    url.set_query(Some(&*own.join("&")).filter(|own| !own.is_empty()));
    Some(url.into())
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
            let cleared = without_callback(&format!("{page}{query}"));
            assert_eq!(cleared, Some(format!("{page}{rest}")), "{query}");
        }
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
            assert_eq!(without_callback(&address), None, "{query}");
        }
        assert_eq!(without_callback("no address?code=c&state=s"), None);
    }
}
