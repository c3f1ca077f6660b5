//! The lines that publish on a channel.

use std::ptr;
use std::sync::OnceLock;

use crate::envelope::Source;

/// The number of lines that are remembered: few, because a publish looks through them.
const KNOWN: usize = 8;

/// An append-only list that is read without a lock. For the first line that published, a look-up is
/// one comparison of pointers.
#[derive(Default)]
pub(super) struct PublishSites {
    first: Link,
}

type Link = OnceLock<Box<Node>>;

struct Node {
    source: Source,
    next: Link,
}

impl PublishSites {
    #[inline]
    pub(super) fn note(&self, source: Source) {
        let first = self.first.get();
        if !first.is_some_and(|node| ptr::eq(node.source, source)) {
            self.look_up(source);
        }
    }

    #[inline(never)]
    fn look_up(&self, source: Source) {
        let mut link = &self.first;
        for _ in 0..KNOWN {
            let node = link.get_or_init(|| {
                Box::new(Node {
                    source,
                    next: Link::new(),
                })
            });
            if ptr::eq(node.source, source) {
                return;
            }
            link = &node.next;
        }
    }

    /// Each line once, in the order of their first publish, as file and line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut link = &self.first;
        while let Some(node) = link.get() {
            let line = format!("{}:{}", node.source.file(), node.source.line());
            // The compiler may have placed one line's location at several addresses.
            if !lines.contains(&line) {
                lines.push(line);
            }
            link = &node.next;
        }
        lines
    }
}
