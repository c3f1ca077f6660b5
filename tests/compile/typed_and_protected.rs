//! Promises 1 and 2: misuse does not compile, and publishing on a protected channel takes its key.
//!
//! Each case in `tests/compile/fails` has a pair in `tests/compile/compiles`, which differs in what
//! is under test and nothing else, so that no case fails for another reason. The pairs are modules
//! of this binary: for the cases that fail, trybuild checks all dependencies once more in a project
//! of its own, and for cases that pass it would also build and link them.
//!
//! The words of the compiler name what other crates implement, so they are those of a default build.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::compiles::CASES;

/// The compiler whose words the `.stderr` files hold.
const RECORDED_WITH: &str = "rustc 1.95.0";

#[test]
fn misuse_does_not_compile() {
    let version = Command::new("rustc").arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("tests/compile/fails/*.rs");
    } else {
        println!("SKIPPED tests/compile/fails: recorded with {RECORDED_WITH}, this is {version}");
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
        .join("tests/compile")
        .join(folder);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
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
