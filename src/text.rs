//! Texts from outside, before they are shown.

/// The longest foreign text that is passed on, in characters.
pub(crate) const MAX_TEXT: usize = 256;

/// Shortens a foreign text to 256 characters on one line, in the order in which it is read.
pub(crate) fn sanitize(from: &str) -> String {
    cleaned(from, ' ').take(MAX_TEXT).collect()
}

/// Shortens a foreign name alike, with `?` for what would not be seen.
#[cfg(feature = "relay")]
pub(crate) fn sanitize_name(from: &str) -> String {
    cleaned(from, '?').take(MAX_TEXT).collect()
}

/// A foreign text of any length on one line.
#[cfg(any(feature = "cognito", feature = "oidc"))]
pub(crate) fn on_one_line(from: &str) -> String {
    cleaned(from, ' ').collect()
}

fn cleaned(from: &str, instead: char) -> impl Iterator<Item = char> {
    let plain = move |c| if deceives(c) { instead } else { c };
    from.chars().map(plain)
}

/// Whether a character changes how the text around it is shown: a control character, which a
/// terminal obeys; a line or paragraph separator; an explicit direction ([Unicode Bidirectional
/// Algorithm, section 2](https://www.unicode.org/reports/tr9/#Directional_Formatting_Codes)); or
/// an invisible tag, byte order mark, space, filler or hyphen. The joiners of Persian words and of
/// emoji stay.
pub(crate) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}'
            | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_short_line_in_one_direction() {
        assert_eq!(sanitize("a\nb\u{1b}[31mc\u{202e}d"), "a b [31mc d");
        assert_eq!(sanitize("a\u{2028}b\u{2066}c\u{feff}d"), "a b c d");
        assert_eq!(sanitize("ad\u{200b}a\u{ad}\u{3164}"), "ad a  ");
        assert_eq!(sanitize("Zoë 👩‍🚀 עברית"), "Zoë 👩‍🚀 עברית");
        assert_eq!(sanitize(&"x".repeat(100_000)).len(), MAX_TEXT);
    }
}
