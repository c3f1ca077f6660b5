//! The README's table of features: every feature is in it, and the compiler it names is new enough for
//! the crate and for what the feature depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A version of Rust, without zeros at its end.
type Rust = Vec<u32>;

#[test]
fn every_feature_is_in_the_readme_with_a_compiler_that_is_new_enough() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let this = packages.iter().find(|p| p["name"] == "typed-hub").unwrap();
    let minimum = rust(this["rust_version"].as_str().unwrap());
    let needed: BTreeMap<_, _> = packages
        .iter()
        .filter_map(|package| {
            let id = [&package["name"], &package["version"]].map(|part| part.as_str().unwrap());
            Some((id, rust(package["rust_version"].as_str()?)))
        })
        .collect();
    let table = table();
    let features: BTreeSet<_> = this["features"].as_object().unwrap().keys().collect();
    assert_eq!(
        features
            .into_iter()
            .filter(|f| *f != "default")
            .collect::<Vec<_>>(),
        table.keys().collect::<Vec<_>>(),
    );
    for (feature, promised) in table {
        assert!(
            promised >= minimum,
            "{feature}: the crate needs {minimum:?}"
        );
        for line in dependencies(&feature).lines() {
            let [name, version] = two_words(line);
            if let Some(needed) = needed.get(&[name, &version[1..]])
                && name != "typed-hub"
            {
                assert!(
                    &promised >= needed,
                    "{feature}: {name} {version} needs {needed:?}"
                );
            }
        }
    }
}

#[test]
fn the_minimum_is_that_of_the_default_features() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let this = packages.iter().find(|p| p["name"] == "typed-hub").unwrap();
    assert_eq!(
        rust(this["rust_version"].as_str().unwrap()),
        table()["auth"]
    );
}

/// The rows of the table: a feature, and the oldest compiler for it.
fn table() -> BTreeMap<String, Rust> {
    include_str!("../../README.md")
        .lines()
        .skip_while(|line| !line.starts_with("| feature "))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let columns: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let feature = columns[0].split('`').nth(1).unwrap();
            (feature.to_owned(), rust(columns.last().unwrap()))
        })
        .collect()
}

fn rust(version: &str) -> Rust {
    let mut parts: Vec<_> = version
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}

fn metadata() -> Value {
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--all-features",
    ];
    serde_json::from_str(&cargo(&arguments)).unwrap()
}

/// The crates that a feature builds on this platform, a line each.
fn dependencies(feature: &str) -> String {
    cargo(&[
        "tree",
        "--locked",
        "--package=typed-hub",
        "--no-default-features",
        &format!("--features={feature}"),
        "--edges=normal,build",
        "--prefix=none",
        "--no-dedupe",
    ])
}

fn two_words(line: &str) -> [&str; 2] {
    let mut words = line.split(' ');
    [(); 2].map(|()| words.next().unwrap())
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
