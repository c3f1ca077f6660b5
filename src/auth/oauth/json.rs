//! JSON from a provider, read one member at a time.
//!
//! Discovery documents, key sets, token answers and id tokens hold much that this crate does not
//! use, and providers fill it in as they like: another type, `null`, an empty text, half a
//! character. So an object is only split into its members, and a member is parsed when it is
//! needed. A member that cannot be read in the needed type counts as absent, as does an empty text
//! ([RFC 6749, appendix A](https://www.rfc-editor.org/rfc/rfc6749#appendix-A)).

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The members of a JSON object, unparsed. Of members with one name, the last counts.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Members(HashMap<String, Box<RawValue>>);

impl Members {
    /// Splits a JSON object, which may begin with a byte order mark ([RFC 8259, section
    /// 8.1](https://www.rfc-editor.org/rfc/rfc8259#section-8.1)). `None` if it is none.
    pub(crate) fn of(json: &[u8]) -> Option<Self> {
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        serde_json::from_str(&String::from_utf8_lossy(json)).ok()
    }

    /// A member in this type.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// Whether a member is there, in any type, and is neither `null` nor an empty text.
    pub(crate) fn has(&self, name: &str) -> bool {
        let value = self.0.get(name).map(|value| value.get());
        value.is_some_and(|value| value != "null" && value != r#""""#)
    }

    /// Whether a member is there, whatever its value.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.read(name).filter(|text: &String| !text.is_empty())
    }

    /// A text, or a list of texts. `None` if anything else is in it.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let text = self.text(name).map(|text| vec![text]);
        let mut texts = text.or_else(|| self.read::<Vec<String>>(name))?;
        texts.retain(|text| !text.is_empty());
        Some(texts)
    }

    /// A number, or a text of one.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let number = self.read(name);
        let number = number.or_else(|| self.text(name)?.parse().ok());
        number.filter(|number: &f64| number.is_finite())
    }

    /// Whether a member is `true`, or the text of it.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.read(name) == Some(true) || self.text(name).as_deref() == Some("true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_not_read_cannot_be_wrong() {
        let json = br#"{"sub":"ada","a":"\ud800","b":1e999,"c":{"d":[[[]]]},"sub2":"#;
        assert!(Members::of(json).is_none(), "it breaks off");
        let json = [json.as_slice(), b"\"\xff\"}"].concat();
        let members = Members::of(&json).unwrap();
        assert_eq!(members.text("sub").as_deref(), Some("ada"));
        assert_eq!(members.text("a"), None);
        assert_eq!(members.number("b"), None);
        assert_eq!(members.text("c"), None);
        assert!(Members::of(b"\xEF\xBB\xBF{}").is_some());
        for none in ["", "[]", "1", "null", "<html>", "{} {}"] {
            assert!(Members::of(none.as_bytes()).is_none(), "{none}");
        }
    }

    #[test]
    fn empty_is_absent() {
        let members = Members::of(br#"{"a":"","b":null,"c":[],"d":0,"e":"x"}"#).unwrap();
        let has = |name| members.has(name);
        assert_eq!(
            ["a", "b", "z", "c", "d", "e"].map(has),
            [false, false, false, true, true, true]
        );
        assert_eq!(members.text("a"), None);
        assert_eq!(members.texts("a"), None);
    }

    #[test]
    fn a_value_may_be_the_text_of_it() {
        let members = Members::of(
            br#"{"a":3600,"b":"3600","c":3599.5,"d":"an hour","e":"inf","t":true,"u":"true",
                "v":"yes","l":["x","y"],"m":["x",1]}"#,
        );
        let members = members.unwrap();
        let numbers = ["a", "b", "c", "d", "e"].map(|name| members.number(name));
        assert_eq!(
            numbers,
            [Some(3600.0), Some(3600.0), Some(3599.5), None, None]
        );
        assert_eq!(
            ["t", "u", "v"].map(|name| members.is_true(name)),
            [true, true, false]
        );
        assert_eq!(members.texts("l").unwrap(), ["x", "y"]);
        assert_eq!(members.texts("m"), None);
    }
}
