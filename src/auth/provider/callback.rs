//! The callback URL that the browser comes back with, parsed and not yet validated ([RFC 6749,
//! section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)).

use secrecy::zeroize::Zeroizing;
use url::Url;

use crate::auth::error::{AuthFailure, ProviderError, ProviderErrorKind, RedirectError};
use crate::auth::secret::{AuthorizationCode, RedirectState};
use crate::text::sanitize;

/// The longest callback URL that is parsed; no provider's is longer.
const MAX_URL: usize = 64 * 1024;

/// A callback URL.
#[derive(Clone, Debug)]
pub(crate) struct Callback {
    address: String,
    /// The state, if the URL has exactly one.
    pub(crate) state: Option<RedirectState>,
    /// The code, or why there is none.
    pub(crate) outcome: Result<AuthorizationCode, RedirectError>,
    /// The issuer that the URL names (RFC 9207).
    pub(crate) issuer: Option<String>,
}

impl Callback {
    /// Parses a URL. The machine judges what is missing.
    pub(crate) fn of(url: &str) -> Self {
        let query = Query::of(url);
        let outcome = match (query.get("error"), query.get("code"), query.get("iss")) {
            (_, _, Param::Invalid) => Err(RedirectError::Incomplete),
            (Param::Missing, Param::One(code), _) => Ok(AuthorizationCode::from(code)),
            (Param::One(name), _, _) => Err(RedirectError::Declined(AuthFailure {
                name: sanitize(name),
                message: match query.get("error_description") {
                    Param::One(description) => sanitize(description),
                    Param::Missing | Param::Invalid => "the provider gives no reason".to_owned(),
                },
            })),
            _ => Err(RedirectError::Incomplete),
        };
        Self {
            address: address(url),
            state: query.get("state").one().map(RedirectState::from),
            outcome,
            issuer: query.get("iss").one().map(str::to_owned),
        }
    }

    /// Rejects a code or an error of another issuer ([RFC 9207, section
    /// 2.4](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)).
    pub(crate) fn check_issuer(mut self, is_issuer: impl FnOnce(&str) -> bool) -> Self {
        let is_other = self.issuer.as_deref().is_some_and(|iss| !is_issuer(iss));
        if is_other && !matches!(self.outcome, Err(RedirectError::Incomplete)) {
            self.outcome = Err(RedirectError::Provider(ProviderError::new(
                ProviderErrorKind::Rejected,
                "IssuerMismatch",
                "another provider has sent the user back",
            )));
        }
        self
    }

    /// Whether the callback carries exactly this state.
    #[cfg(feature = "loopback")]
    pub(crate) fn has_state(&self, state: &RedirectState) -> bool {
        self.state.as_ref() == Some(state)
    }

    /// Whether the callback came to this redirect URI.
    pub(crate) fn comes_back_to(&self, redirect_uri: &str) -> bool {
        self.address == address(redirect_uri)
    }
}

/// A URL without its query, normalised.
fn address(url: &str) -> String {
    let (plain, _) = url.split_once(['?', '#']).unwrap_or((url, ""));
    Url::parse(plain).map_or_else(|_| plain.to_owned(), String::from)
}

/// The parameters of the query. The values are zeroed, since the code is one of them.
struct Query(Vec<(String, Zeroizing<String>)>);

/// The parameter of a name in a query.
#[derive(Clone, Copy)]
enum Param<'a> {
    Missing,
    One(&'a str),
    /// Present twice, empty, or not UTF-8.
    Invalid,
}

impl<'a> Param<'a> {
    const fn one(self) -> Option<&'a str> {
        match self {
            Self::One(value) => Some(value),
            Self::Missing | Self::Invalid => None,
        }
    }
}

impl Query {
    fn of(url: &str) -> Self {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let (query, _) = query.split_once('#').unwrap_or((query, ""));
        if url.len() > MAX_URL {
            return Self(Vec::new());
        }
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Param<'_> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (None, _) => Param::Missing,
            (Some((_, value)), None)
                if !value.is_empty() && !value.contains(char::REPLACEMENT_CHARACTER) =>
            {
                Param::One(value)
            }
            _ => Param::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_only_alone() {
        let incomplete = Err(RedirectError::Incomplete);
        for (query, outcome) in [
            ("?state=s&code=c", Ok("c".into())),
            ("?state=s", incomplete.clone()),
            ("", incomplete.clone()),
            ("?code=c&code=d&state=s", incomplete.clone()),
            ("?code=&state=s", incomplete.clone()),
            ("?code=%FF&state=s", incomplete.clone()),
            ("?code=c&state=s&iss=i&iss=i", incomplete.clone()),
            ("?code=c&state=s&iss=", incomplete.clone()),
            ("?error=e&state=s&iss=%FF", incomplete),
        ] {
            let callback = Callback::of(&format!("app://back{query}"));
            assert_eq!(callback.outcome, outcome, "{query}");
        }
        let declined =
            Callback::of("app://back?error=access_denied&error_description=No%0A!&code=c");
        assert_eq!(
            declined.outcome,
            Err(RedirectError::Declined(AuthFailure {
                name: "access_denied".into(),
                message: "No !".into(),
            }))
        );
    }

    #[test]
    fn a_state_counts_only_alone() {
        let state = |query| Callback::of(&format!("app://back?code=c{query}")).state;
        assert_eq!(state("&state=s"), Some("s".into()));
        assert_eq!(state(""), None);
        assert_eq!(state("&state=s&state=s"), None);
        assert_eq!(state(&format!("&state={}", "s".repeat(1_000_000))), None);
    }

    #[test]
    fn an_address_is_compared_as_a_url() {
        let callback = Callback::of("http://LOCALHOST:80?code=c#fragment");
        assert!(callback.comes_back_to("http://localhost/"));
        assert!(!callback.comes_back_to("http://localhost:81/"));
        assert!(!callback.comes_back_to("http://localhost.example.org/"));
        assert!(!callback.comes_back_to("https://localhost/"));
    }
}
