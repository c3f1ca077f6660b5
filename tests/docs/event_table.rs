//! The table of events, `docs/auth-events.md`: every row that the code cites is there, and a test cites
//! every row.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn rows_are_numbered_without_a_gap() {
    let first_to_last: Vec<_> = (1..=43).collect();
    assert_eq!(rows(), first_to_last);
}

#[test]
fn every_row_that_is_cited_is_in_the_table() {
    let rows = rows();
    for file in files(&["src", "tests", "examples", "README.md", "CONTRIBUTING.md"]) {
        for row in cited(&fs::read_to_string(&file).unwrap()) {
            assert!(
                rows.contains(&row),
                "{} cites F{row}, which is no row",
                file.display()
            );
        }
    }
}

#[test]
fn every_row_is_cited_by_a_test() {
    let tests = files(&["tests", "src/auth/machine/tests.rs"]);
    let this = Path::new(file!()).file_name().unwrap();
    let cited: BTreeSet<_> = tests
        .iter()
        .filter(|file| file.file_name() != Some(this))
        .flat_map(|file| cited(&fs::read_to_string(file).unwrap()))
        .collect();
    for row in rows() {
        assert!(cited.contains(&row), "no test cites F{row}");
    }
}

#[test]
fn this_test_sees_a_citation() {
    let citations = "rows F1 to F3 (F4), fn f5_and_f6_sign_in() and f64, 0xF7, F8a, `F9`";
    assert_eq!(cited(citations), BTreeSet::from([1, 3, 4, 5, 6, 9]));
}

/// The numbers of the table's rows.
fn rows() -> Vec<u32> {
    let text = fs::read_to_string(root().join("docs/auth-events.md")).unwrap();
    let (_, table) = text.split_once("## The table").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| F"));
    rows.map(|row| row.split_once(' ').unwrap().0.parse().unwrap())
        .collect()
}

/// The rows that a text cites: `F24` anywhere, `f24` in the name of a test.
fn cited(text: &str) -> BTreeSet<u32> {
    let mut rows = BTreeSet::new();
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let starts = !before.is_ascii_alphanumeric();
        before = letter;
        if !starts || !matches!(letter, 'F' | 'f') {
            continue;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (digits, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let next = rest.chars().next().unwrap_or(' ');
        let is_whole = match letter {
            'f' => next == '_', // and not the type `f64`
            _ => !next.is_ascii_alphanumeric(),
        };
        if is_whole && let Ok(row) = digits.parse() {
            rows.insert(row);
        }
    }
    rows
}

/// These files, and those in these folders.
fn files(of: &[&str]) -> Vec<PathBuf> {
    let mut open: Vec<_> = of.iter().map(|path| root().join(path)).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "md")
        {
            files.push(path);
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
