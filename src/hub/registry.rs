//! A hub's channels, found by type.

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use super::report::ChannelReport;

/// Ways from the root.
const ROOTS: usize = 32;

/// Ways from every entry.
const FORKS: usize = 2;

/// An append-only trie over `TypeId`s. A `TypeId` is a hash already, so its own bits lead the
/// way; and since nothing is ever removed, a look-up takes no lock.
#[derive(Default)]
pub(super) struct Registry {
    roots: [Link; ROOTS],
}

/// A channel whose type is not known here.
pub(super) trait AnyChannel: Any + Send + Sync {
    /// Tells receivers that nothing more will come.
    fn close(&self);

    fn report(&self) -> ChannelReport;

    /// How many listeners there are, of every kind.
    fn listener_count(&self) -> usize;
}

type Link = OnceLock<Box<Entry>>;

struct Entry {
    /// The bits of its type, all of them.
    key: u64,
    state: Arc<dyn AnyChannel>,
    below: [Link; FORKS],
}

impl Registry {
    /// The state of type `S`, made by `make` at its first use.
    pub(super) fn state<S: AnyChannel>(&self, make: impl Fn() -> S) -> &S {
        self.find(make, |state| {
            let state: &dyn Any = &**state;
            state.downcast_ref()
        })
    }

    /// The same, to keep.
    pub(super) fn shared<S: AnyChannel>(&self, make: impl Fn() -> S) -> Arc<S> {
        self.find(make, |state| {
            let state: Arc<dyn Any + Send + Sync> = Arc::clone(state) as _;
            state.downcast().ok()
        })
    }

    /// The state of type `S`, as `cast` gives it.
    fn find<'a, S: AnyChannel, R>(
        &'a self,
        make: impl Fn() -> S,
        cast: impl Fn(&'a Arc<dyn AnyChannel>) -> Option<R>,
    ) -> R {
        let key = bits(TypeId::of::<S>());
        let (mut link, mut rest) = (&self.roots[digit(key, ROOTS)], key / ROOTS as u64);
        loop {
            let entry = link.get_or_init(|| {
                Box::new(Entry {
                    key,
                    state: Arc::new(make()),
                    below: Default::default(),
                })
            });
            if entry.key == key
                && let Some(found) = cast(&entry.state)
            {
                return found;
            }
            // Once the bits are used up the trie goes on as a list.
            (link, rest) = (&entry.below[digit(rest, FORKS)], rest / FORKS as u64);
        }
    }

    pub(super) fn channels(&self) -> Vec<&dyn AnyChannel> {
        let mut found = Vec::new();
        collect(&self.roots, &mut found);
        found
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is less than `base`")]
fn digit(bits: u64, base: usize) -> usize {
    (bits % base as u64) as usize
}

fn collect<'a>(links: &'a [Link], found: &mut Vec<&'a dyn AnyChannel>) {
    for entry in links.iter().filter_map(OnceLock::get) {
        found.push(&*entry.state);
        collect(&entry.below, found);
    }
}

/// What a `TypeId` feeds to a hasher: bits of a hash of the type.
fn bits(of: TypeId) -> u64 {
    struct Bits(u64);

    impl Hasher for Bits {
        fn finish(&self) -> u64 {
            self.0
        }

        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
            }
        }

        fn write_u64(&mut self, bits: u64) {
            self.0 ^= bits;
        }
    }

    let mut hasher = Bits(0);
    of.hash(&mut hasher);
    hasher.finish()
}
