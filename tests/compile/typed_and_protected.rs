//! Promises 1 and 2: misuse does not compile, and publishing on a protected channel takes its key.
//!
//! Each case in `tests/compile/fails` has a pair in `tests/compile/compiles`, which differs in what
//! is under test and nothing else, so that no case fails for another reason. The pairs are modules
//! of this binary: for the cases that fail, trybuild checks all dependencies once more in a project
//! of its own, and for cases that pass it would also build and link them.
//!
//! The words of the compiler name what other crates implement, so they are those of a default build.

use std::fs;
use std::path::Path;

use crate::compiles::CASES;
use crate::pairs;

#[test]
fn misuse_does_not_compile() {
    pairs::none_compiles("tests/compile");
}

#[test]
fn each_case_that_fails_has_its_like_that_compiles() {
    pairs::each_has_its_like("tests/compile", CASES);
}

#[test]
fn the_error_for_publishing_on_auth_names_the_channel_and_says_what_to_do() {
    let words = include_str!("fails/publish_on_auth.stderr");
    assert!(
        words.contains("only the holder of its key publishes on `Auth`"),
        "{words}"
    );
    assert!(
        words.contains("listen to it with `hub.listen::<Auth>(…)`"),
        "{words}"
    );
    assert!(words.contains("implement `CustomChannel`"), "{words}");
}

/// Outside `src/auth/channel.rs`, which has the constructor to itself, no code names it.
#[test]
fn the_key_of_auth_is_made_in_one_file() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("auth/channel.rs") {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("AuthKey("), "{} makes a key", path.display());
            }
        }
    }
}
