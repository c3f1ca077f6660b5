//! The process's default hub is one hub, wherever it is asked for.

use std::thread;

use crate::common::{Log, Numbers};
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
