//! What does not compile, and its like that does.
//!
//! Each case in `fails` has a pair in `compiles`, which differs in what is under test and nothing else.
#![allow(
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    reason = "the pairs are what a user might write"
)]

use crate::pairs;

macro_rules! compiles {
    ($($case:ident)+) => {
        mod compiles {
            $(pub(super) mod $case;)+
        }

        const CASES: &[(&str, fn())] = &[$((stringify!($case), compiles::$case::main)),+];
    };
}

compiles! {
    export_a_remote_channel
    export_what_is_not_serialize
    import_auth
    import_what_is_not_deserialize
    make_a_relay_key
    publish_on_a_remote_channel
}

#[test]
fn misuse_does_not_compile() {
    pairs::none_compiles("tests/relay/compile");
}

#[test]
fn each_case_that_fails_has_its_like_that_compiles() {
    pairs::each_has_its_like("tests/relay/compile", CASES);
}

#[test]
fn the_error_for_importing_auth_says_what_to_import() {
    let words = include_str!("fails/import_auth.stderr");
    assert!(words.contains("a relay cannot import `Auth`"), "{words}");
    assert!(words.contains("import `Remote<Auth>`"), "{words}");
}
