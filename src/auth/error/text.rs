//! Texts from outside, before they are shown.

/// The longest text of a provider that is passed on, in characters.
pub(crate) const MAX_TEXT: usize = 256;

/// Shortens a foreign text to 256 characters on one line, in the order in which it is read.
pub(crate) fn sanitize(from: &str) -> String {
    from.chars().take(MAX_TEXT).map(plain).collect()
}

/// A foreign text of any length on one line.
#[cfg(any(feature = "cognito", feature = "oidc"))]
pub(crate) fn on_one_line(from: &str) -> String {
    from.chars().map(plain).collect()
}

fn plain(c: char) -> char {
    if deceives(c) { ' ' } else { c }
}

/// Whether a character changes how the text around it is shown: a control character, which a
/// terminal obeys; a line or paragraph separator; an explicit direction ([Unicode Bidirectional
/// Algorithm, section 2](https://www.unicode.org/reports/tr9/#Directional_Formatting_Codes)); or
/// an invisible tag, byte order mark, space, filler or hyphen. The joiners of Persian words and of
/// emoji stay.
pub(crate) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'
            | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{FFA0}'
            | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
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
