//! The names that go into a subject.

/// A prefix, an origin or a channel's name cannot be a part of a subject.
///
/// It is made of visible ASCII characters without `*`, `>`, `%` and `"`, at most 128 of them. Dots separate
/// its parts, none of which is empty, and `$` cannot begin it.
///
/// Source: [subjects of NATS](https://docs.nats.io/nats-concepts/subjects), narrowed to ASCII as they
/// recommend, and to what a header of a CloudEvent has without encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has no characters, or a dot without a part beside it.
    #[error("it is empty, or has an empty part between its dots")]
    Empty,
    /// It has a character other than visible ASCII, or one of `*`, `>`, `%` and `"`.
    #[error("it has a character other than visible ASCII, or one of `*`, `>`, `%` and `\"`")]
    Character,
    /// It begins with `$`, as the broker's own subjects do.
    #[error("it begins with `$`, as the broker's own subjects do")]
    Reserved,
    /// It has more than 128 characters.
    #[error("it has more than 128 characters")]
    TooLong,
}

const LONGEST: usize = 128;

pub(super) fn check(name: &str) -> Result<(), NameError> {
    let forbidden = |c: char| !c.is_ascii_graphic() || "*>%\"".contains(c);
    if name.split('.').any(str::is_empty) {
        Err(NameError::Empty)
    } else if name.contains(forbidden) {
        Err(NameError::Character)
    } else if name.starts_with('$') {
        Err(NameError::Reserved)
    } else if name.len() > LONGEST {
        Err(NameError::TooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_of_a_subject() {
        for name in ["cart", "shop.cart", "a-b_c:7", &"x".repeat(LONGEST)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(check(name), Err(NameError::Empty), "{name}");
        }
        for name in [
            "*",
            "a.>",
            "two words",
            "a\r\nPUB",
            "a\0",
            "é",
            "\u{7f}",
            "50%",
            "\"a\"",
        ] {
            assert_eq!(check(name), Err(NameError::Character), "{name:?}");
        }
        assert_eq!(check("$SYS.x"), Err(NameError::Reserved));
        assert_eq!(check(&"x".repeat(LONGEST + 1)), Err(NameError::TooLong));
    }
}
