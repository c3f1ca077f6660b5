//! The process's default hub is one hub, wherever it is asked for.

mod common;

use std::thread;

use common::{Log, Numbers};
use typed_hub::Hub;

#[test]
fn everyone_has_the_same_global_hub() {
    let log = Log::new();
    let numbers = log.clone();
    let guard = Hub::global().listen::<Numbers>(move |n| numbers.push(*n));
    thread::spawn(|| Hub::global().publish::<Numbers>(1))
        .join()
        .unwrap();
    Hub::global().flush();
    assert_eq!(log.take(), [1]);
    guard.close();
}
