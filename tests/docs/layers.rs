//! The floors of the house: arrows between the rooms of `src/` go down only, and no file holds two
//! ideas.
//!
//! A room is a file or folder of `src/`, `src/auth/`, `src/delivery/` or `src/relay/`. This reads the
//! `crate::` and `super::` paths of every file, comments aside.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src/` from the ground up; what stands on one floor does not know its neighbours.
const HOUSE: &[&[&str]] = &[
    &["channel", "error", "sync", "text"],
    &["envelope"],
    &["delivery"],
    &["hub"],
    &["auth", "page", "relay"],
    &["guide", "lib"],
];

/// The rooms of `src/auth/`, likewise.
const AUTH: &[&[&str]] = &[
    &["error", "secret", "send", "clock"],
    &["user", "tokens"],
    &["channel", "provider", "store"],
    &["record"],
    &[
        "machine", "redirect", "memory", "file", "keyring", "web", "oauth",
    ],
    &["cognito", "oidc"],
    &["client"],
    &["mod"],
];

/// The rooms of `src/delivery/`, likewise.
const DELIVERY: &[&[&str]] = &[
    &["shared"],
    &["history", "listener", "room"],
    &["inline", "queued", "receiver"],
    &["mod", "models"],
];

/// The rooms of `src/relay/`, likewise.
const RELAY: &[&[&str]] = &[
    &["name", "origin"],
    &["report", "sequence", "status"],
    &["task"],
    &["cloud_event", "remote"],
    &["broker"],
    &["error", "memory", "nats", "export", "watch"],
    &["import"],
    &["relay"],
    &["conformance"],
    &["mod"],
];

/// Each folder that has rooms.
const FOLDERS: &[(&str, &[&[&str]])] = &[
    ("src", HOUSE),
    ("src/auth", AUTH),
    ("src/delivery", DELIVERY),
    ("src/relay", RELAY),
];

/// A file past this many lines, tests aside, is two ideas.
const LONGEST: usize = 450;

#[test]
fn arrows_go_down_only() {
    let mut wrong = Vec::new();
    for file in sources() {
        wrong.extend(wrong_arrows(&module_of(&file), &code_of(&file)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_client_of_auth_knows_the_hub() {
    for file in sources() {
        let module = module_of(&file);
        let knows = paths(&module, &code_of(&file))
            .iter()
            .any(|path| matches!(path[0].as_str(), "hub" | "delivery"));
        let is_auth = module.first().is_some_and(|room| room == "auth");
        let is_client = module.get(1).is_some_and(|room| room == "client");
        assert!(!is_auth || is_client || !knows, "{module:?} knows the hub");
    }
}

#[test]
fn no_file_is_too_long() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        let is_test = file.ends_with("tests.rs") || file.ends_with("models.rs");
        let lines = if is_test { 0 } else { lines.count() };
        assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
    }
}

#[test]
fn every_room_has_a_floor() {
    for (folder, floors) in FOLDERS {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let room = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                floor(floors, room).is_some(),
                "{} has no floor",
                path.display()
            );
        }
    }
}

#[test]
fn this_test_sees_a_wrong_arrow() {
    let wrong = |module: &[&str], code: &str| {
        let module: Vec<_> = module.iter().map(ToString::to_string).collect();
        wrong_arrows(&module, code).len()
    };
    assert_eq!(wrong(&["delivery", "queue"], "use crate::hub::Hub;"), 1);
    assert_eq!(
        wrong(&["envelope"], "use crate::{channel::Channel, hub};"),
        1
    );
    assert_eq!(wrong(&["hub"], "crate::Hub::new()"), 1);
    assert_eq!(wrong(&["relay"], "use crate::auth::AuthEvent;"), 1);
    assert_eq!(
        wrong(&["auth", "store"], "use super::client::AuthClient;"),
        1
    );
    assert_eq!(
        wrong(&["auth", "store"], "use crate::auth::provider::X;"),
        1
    );
    assert_eq!(
        wrong(&["auth", "machine", "refresh"], "super::super::client::x()"),
        1
    );
    assert_eq!(
        wrong(
            &["auth", "machine", "refresh"],
            "use super::{Machine, sign_in};"
        ),
        0
    );
    assert_eq!(
        wrong(
            &["auth", "client"],
            "use super::{store::X, machine};\nuse crate::hub::Hub;"
        ),
        0
    );
    assert_eq!(wrong(&["hub", "listen"], "use crate::delivery::queued;"), 0);
    assert_eq!(
        wrong(&["delivery", "receiver"], "use crate::delivery::queued::X;"),
        1
    );
    assert_eq!(
        wrong(
            &["delivery", "receiver", "log"],
            "use super::super::listener::X;"
        ),
        0
    );
}

fn sources() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 10, "the sources have moved");
    files
}

/// `src/auth/client/queue.rs` is `["auth", "client", "queue"]`; a `mod.rs` is its folder.
fn module_of(file: &Path) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let path = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<_> = path
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The text without its comments and its tests.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn floor(floors: &[&[&str]], room: &str) -> Option<usize> {
    floors.iter().position(|rooms| rooms.contains(&room))
}

/// Every arrow of this module that does not go down, in words.
fn wrong_arrows(module: &[String], code: &str) -> Vec<String> {
    let allowed = |floors, from: &str, to: &str| {
        from == to || floor(floors, to).is_some_and(|to| Some(to) < floor(floors, from))
    };
    let mut wrong = Vec::new();
    for path in paths(module, code) {
        let room = |of: &[String]| of.get(1).cloned().unwrap_or_else(|| "mod".to_owned());
        let right = match (module[0].as_str(), path[0].as_str()) {
            ("auth", "auth") => allowed(AUTH, &room(module), &room(&path)),
            ("delivery", "delivery") => allowed(DELIVERY, &room(module), &room(&path)),
            ("relay", "relay") => allowed(RELAY, &room(module), &room(&path)),
            (from, to) => allowed(HOUSE, from, to),
        };
        if !right {
            wrong.push(format!("{} uses {}", module.join("::"), path.join("::")));
        }
    }
    wrong
}

/// What the module names by a path from the crate's root or from a module above it, as absolute
/// paths of two parts at most.
fn paths(module: &[String], code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        for tail in tails(&code[start + "crate::".len()..]) {
            found.push(tail);
        }
    }
    for (start, _) in code.match_indices("super::") {
        if code[..start].ends_with("super::") {
            continue;
        }
        let mut rest = &code[start..];
        let mut base = module.to_vec();
        while let Some(after) = rest.strip_prefix("super::") {
            base.pop();
            rest = after;
        }
        for tail in tails(rest) {
            let path: Vec<_> = base.iter().cloned().chain(tail).take(2).collect();
            found.push(path);
        }
    }
    found
}

/// The first two parts of each path in a use tree: `{a::b, c}` is `a::b` and `c`.
fn tails(tree: &str) -> Vec<Vec<String>> {
    let Some(group) = tree.strip_prefix('{') else {
        let end = tree
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(tree.len());
        let parts = tree[..end].split("::").filter(|part| !part.is_empty());
        return vec![parts.take(2).map(str::to_owned).collect()];
    };
    let mut depth = 0;
    let mut items = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(c);
    }
    let items = items
        .iter()
        .map(|item| item.trim())
        .filter(|item| !item.is_empty());
    items.flat_map(tails).collect()
}
