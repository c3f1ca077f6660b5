//! The events that wait for one page: bounded, and what is lost is told in its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What a page is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// An event, as JSON.
    Line(String),
    /// So many events came here while there was no room.
    Lost(u64),
}

/// The end that the page reads.
pub(crate) struct Feed(Arc<Shared>);

/// The end that the listener writes.
pub(crate) struct Sender(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    capacity: usize,
    changed: Notify,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    /// How many of them are lines.
    lines: usize,
}

impl Feed {
    /// Makes a feed in which so many events can wait.
    pub(crate) fn new(capacity: usize) -> (Sender, Self) {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            capacity,
            changed: Notify::new(),
        });
        (Sender(Arc::clone(&shared)), Self(shared))
    }

    /// Waits for the next entry.
    pub(crate) async fn next(&self) -> Entry {
        loop {
            if let Some(entry) = self.0.take() {
                return entry;
            }
            self.0.changed.notified().await;
        }
    }
}

impl Sender {
    /// Adds an event, or counts it as lost if there is no room. It never waits, and a lost event is not
    /// even written.
    pub(crate) fn send(&mut self, line: impl FnOnce() -> String) {
        // This is the one sender: room that is here stays.
        let has_room = self.0.state().lines < self.0.capacity;
        let line = has_room.then(line);
        let mut state = self.0.state();
        match (line, state.entries.back_mut()) {
            (Some(line), _) => {
                state.lines += 1;
                state.entries.push_back(Entry::Line(line));
            }
            (None, Some(Entry::Lost(events))) => *events += 1,
            (None, _) => state.entries.push_back(Entry::Lost(1)),
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn take(&self) -> Option<Entry> {
        let mut state = self.state();
        let entry = state.entries.pop_front()?;
        state.lines -= usize::from(matches!(entry, Entry::Line(_)));
        Some(entry)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No user code runs under it: it is whole, whatever has panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Entry {
        Entry::Line(text.to_owned())
    }

    #[tokio::test]
    async fn what_is_lost_is_told_in_its_place() {
        let (mut sender, feed) = Feed::new(2);
        for text in ["a", "b", "c", "d"] {
            sender.send(|| text.to_owned());
        }
        assert_eq!(feed.next().await, line("a"));
        sender.send(|| "e".to_owned());
        sender.send(|| "f".to_owned());
        for entry in [line("b"), Entry::Lost(2), line("e"), Entry::Lost(1)] {
            assert_eq!(feed.next().await, entry);
        }
        assert_eq!(feed.0.take(), None);
    }

    #[tokio::test]
    async fn a_page_that_waits_is_woken() {
        let (mut sender, feed) = Feed::new(1);
        let reader = tokio::spawn(async move { feed.next().await });
        tokio::task::yield_now().await;
        sender.send(|| "a".to_owned());
        assert_eq!(reader.await.unwrap(), line("a"));
    }

    #[test]
    fn a_line_is_written_under_no_lock() {
        let (mut sender, feed) = Feed::new(1);
        sender.send(|| feed.0.state.try_lock().is_ok().to_string());
        assert_eq!(feed.0.take(), Some(line("true")));
    }

    #[test]
    fn a_lost_event_is_not_written() {
        let (mut sender, _feed) = Feed::new(0);
        sender.send(|| unreachable!("there is no room"));
    }
}
