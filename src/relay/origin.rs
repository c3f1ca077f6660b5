//! Who has published an event of another process.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::text::sanitize_name;

/// The name of the process that published an event: the `origin` of its
/// [`RelayOptions`](super::RelayOptions), or the `source` that another client gave its CloudEvent.
///
/// A name from outside is cleaned: control characters and those that change how text is shown become
/// `?`, and at most 256 characters are kept. It proves nothing: each client of the broker chooses its
/// own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(Arc<str>);

impl Origin {
    pub(super) fn new(name: &str) -> Self {
        Self(sanitize_name(name).into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Origin {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_is_cleaned_and_bounded() {
        assert_eq!(
            Origin::new("https://example.com/shop?é").as_str(),
            "https://example.com/shop?é"
        );
        assert_eq!(
            Origin::new("a\u{1b}[2Jb\r\n\u{202e}c").as_str(),
            "a?[2Jb???c"
        );
        assert_eq!(Origin::new("a\u{ad}\u{3164}").as_str(), "a??");
        assert_eq!(Origin::new(&"x".repeat(10_000)).as_str().len(), 256);
    }
}
