//! Promise 13: not one line of `unsafe`.

use std::fs;
use std::path::Path;

#[test]
fn the_crate_forbids_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}
