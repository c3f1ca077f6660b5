//! What does not compile, and its like that does.
//!
//! Each case in `fails` has a pair in `compiles`, which differs in what is under test and nothing else.
#![allow(
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    reason = "the pairs are what a user might write"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The compiler whose words the `.stderr` files hold.
const RECORDED_WITH: &str = "rustc 1.95.0";

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
    let version = Command::new("rustc").arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("tests/relay/compile/fails/*.rs");
    } else {
        println!("SKIPPED tests/relay/compile: recorded with {RECORDED_WITH}, this is {version}");
    }
}

#[test]
fn each_case_that_fails_has_its_like_that_compiles() {
    for (name, case) in CASES {
        println!("{name}");
        case();
    }
    let compile: BTreeSet<_> = CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(cases_in("fails"), compile);
    assert_eq!(cases_in("compiles"), compile);
}

fn cases_in(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/relay/compile")
        .join(folder);
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_error_for_importing_auth_says_what_to_import() {
    let words = include_str!("fails/import_auth.stderr");
    assert!(words.contains("a relay cannot import `Auth`"), "{words}");
    assert!(words.contains("import `Remote<Auth>`"), "{words}");
}
