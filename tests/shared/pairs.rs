//! Cases that do not compile, each with its like that does, in the folders `fails` and `compiles`.
//!
//! The two of a pair differ in what is under test and nothing else, so that no case fails for another reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The compiler whose words the `.stderr` files hold.
const RECORDED_WITH: &str = "rustc 1.95.0";

/// Checks that no case of the folder compiles, and what the compiler says of each.
pub(crate) fn none_compiles(folder: &str) {
    let version = Command::new("rustc").arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail(format!("{folder}/fails/*.rs"));
    } else {
        println!("SKIPPED {folder}/fails: recorded with {RECORDED_WITH}, this is {version}");
    }
}

/// Runs the likes of the folder's cases, and checks that each case has one.
pub(crate) fn each_has_its_like(folder: &str, likes: &[(&str, fn())]) {
    for (name, like) in likes {
        println!("{name}");
        like();
    }
    let likes: BTreeSet<_> = likes.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(cases_in(folder, "fails"), likes);
    assert_eq!(cases_in(folder, "compiles"), likes);
}

fn cases_in(folder: &str, kind: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_dir(root.join(folder).join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}
