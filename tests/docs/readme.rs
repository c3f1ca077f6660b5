//! The README and the pages of `docs/`: the first program prints what the README says, links lead
//! somewhere, and figures are those on record.

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");

#[test]
fn the_first_program_is_an_example_and_prints_what_the_readme_says() {
    let code = |text: &str| -> Vec<_> {
        text.lines()
            .filter(|line| !line.starts_with("//!") && !matches!(*line, "fn main() {" | "}"))
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    };
    assert_eq!(
        code(block("```rust\n")),
        code(include_str!("../../examples/cart.rs"))
    );
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "cart"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        block("```text\n")
    );
}

/// The crate registry shows the README without the repository: a relative link leads nowhere there.
#[test]
fn links_are_absolute() {
    let relative: Vec<_> = links(README)
        .filter(|to| !to.starts_with("https://"))
        .collect();
    assert!(relative.is_empty(), "{relative:?}");
}

/// The pages of this crate that the README and the page of the relay link to, after `cargo doc`.
#[test]
#[ignore = "needs `cargo doc --all-features`"]
fn links_to_the_documentation_lead_to_a_page() {
    const AT: &str = "https://docs.rs/typed-hub/latest/";

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = root.join("target/doc");
    let mut checked = 0;
    let relay = include_str!("../../docs/relay.md");
    let links = links(README).chain(links(relay));
    for page in links.filter_map(|to| to.strip_prefix(AT)) {
        let page = if page.ends_with('/') {
            format!("{page}index.html")
        } else {
            page.to_owned()
        };
        assert!(docs.join(&page).is_file(), "{page}");
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn the_costs_are_those_on_record() {
    let record = include_str!("../../benches/instructions.txt");
    let costs = include_str!("../../docs/costs.md");
    for (path, publish) in [
        ("publisher-inline-0", "without listeners, by a `Publisher`"),
        (
            "publisher-inline-1",
            "to one inline listener, by a `Publisher`",
        ),
        ("hub-inline-1", "to one inline listener, by `Hub::publish`"),
        ("queued-1", "to one queued listener, delivered"),
        ("receivers-1", "to one receiver, received"),
    ] {
        let mut lines = record.lines();
        let count = lines.find_map(|line| line.strip_prefix(path)?.strip_prefix(' '));
        let row = format!("| {publish} | {} |", count.unwrap());
        assert!(costs.contains(&row), "docs/costs.md has no line {row}");
    }
}

/// The text between the first such line and the end of its block.
fn block(opening: &str) -> &'static str {
    let (_, rest) = README.split_once(opening).unwrap();
    rest.split_once("```\n").unwrap().0
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .map(|rest| rest.split_once(')').unwrap().0)
}
