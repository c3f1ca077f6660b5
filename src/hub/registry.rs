//! A hub's channels, found by type.

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use super::any::AnyChannel;

/// The number of links from the root.
const ROOTS: usize = 32;

/// The number of links from every entry.
const FORKS: usize = 2;

/// An append-only trie over `TypeId`s. A `TypeId` is a hash already, so its own bits are the path.
/// Nothing is ever removed, so a look-up takes no lock.
#[derive(Default)]
pub(super) struct Registry {
    roots: [Link; ROOTS],
}

type Link = OnceLock<Box<Entry>>;

struct Entry {
    /// All bits of its type.
    key: u64,
    state: Arc<dyn AnyChannel>,
    below: [Link; FORKS],
}

impl Registry {
    /// The state of type `S`, made by `make` on first use.
    pub(super) fn state<S: AnyChannel>(&self, make: impl Fn() -> Arc<S>) -> &S {
        self.find(bits(TypeId::of::<S>()), make, |state| {
            let state: &dyn Any = &**state;
            state.downcast_ref()
        })
    }

    /// A shared handle of the state of type `S`, made by `make` on first use.
    pub(super) fn shared<S: AnyChannel>(&self, make: impl Fn() -> Arc<S>) -> Arc<S> {
        self.find(bits(TypeId::of::<S>()), make, |state| {
            let state: Arc<dyn Any + Send + Sync> = Arc::clone(state) as _;
            state.downcast().ok()
        })
    }

    /// The state under `key`, the bits of `S`, as `cast` gives it.
    fn find<'a, S: AnyChannel, R>(
        &'a self,
        key: u64,
        make: impl Fn() -> Arc<S>,
        cast: impl Fn(&'a Arc<dyn AnyChannel>) -> Option<R>,
    ) -> R {
        let (mut link, mut rest) = (&self.roots[digit(key, ROOTS)], key / ROOTS as u64);
        loop {
            let entry = link.get_or_init(|| {
                Box::new(Entry {
                    key,
                    state: make(),
                    below: Default::default(),
                })
            });
            if entry.key == key
                && let Some(found) = cast(&entry.state)
            {
                return found;
            }
            // Once the bits are used up, the trie continues as a list.
            (link, rest) = (&entry.below[digit(rest, FORKS)], rest / FORKS as u64);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is less than `base`")]
fn digit(bits: u64, base: usize) -> usize {
    (bits % base as u64) as usize
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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::delivery::listener::subscription::Unsubscribe;
    use crate::delivery::queued::queue::Queue;
    use crate::hub::any::AnyListener;
    use crate::hub::report::ChannelReport;

    /// One type stands for many, told apart by a number.
    struct Numbered(u64);

    impl AnyChannel for Numbered {
        fn close(&self) {}

        fn report(&self) -> ChannelReport {
            unreachable!("the test asks for no report")
        }

        fn attach(&self, _: &Queue, _: &AnyListener) -> Arc<dyn Unsubscribe> {
            unreachable!("the test registers no listener")
        }

        fn listener_count(&self) -> usize {
            0
        }
    }

    fn collect<'a>(links: &'a [Link], found: &mut Vec<&'a dyn AnyChannel>) {
        for entry in links.iter().filter_map(OnceLock::get) {
            found.push(&*entry.state);
            collect(&entry.below, found);
        }
    }

    fn number(state: &dyn AnyChannel) -> u64 {
        let state: &dyn Any = state;
        state.downcast_ref::<Numbered>().unwrap().0
    }

    /// Looks up the state of this key and number, and says whether it had to be made.
    fn is_new(registry: &Registry, key: u64, wanted: u64) -> bool {
        let is_made = Cell::new(false);
        let make = || {
            is_made.set(true);
            Arc::new(Numbered(wanted))
        };
        let found = registry.find(key, make, |state| {
            Some(number(&**state)).filter(|found| *found == wanted)
        });
        assert_eq!(found, wanted);
        is_made.get()
    }

    /// The keys, numbered: each is made once and found from then on.
    fn filled(keys: impl Iterator<Item = u64> + Clone) -> Registry {
        let registry = Registry::default();
        for is_first in [true, false] {
            for (number, key) in (0..).zip(keys.clone()) {
                assert_eq!(is_new(&registry, key, number), is_first, "{key:#x}");
            }
        }
        let mut found = Vec::new();
        collect(&registry.roots, &mut found);
        let mut found: Vec<_> = found.into_iter().map(number).collect();
        found.sort_unstable();
        assert!(
            found
                .into_iter()
                .eq((0..).zip(keys).map(|(number, _)| number))
        );
        registry
    }

    fn depth(links: &[Link]) -> usize {
        let entries = links.iter().filter_map(OnceLock::get);
        let depths = entries.map(|entry| 1 + depth(&entry.below));
        depths.max().unwrap_or(0)
    }

    #[test]
    fn keys_that_differ_share_the_ways() {
        let registry = filled((0..1024).map(|n| n * ROOTS as u64));
        assert_eq!(
            depth(&registry.roots),
            11,
            "a root, and a fork for each bit"
        );
    }

    #[test]
    fn keys_of_the_same_bits_are_a_list() {
        for key in [0, u64::MAX] {
            let registry = filled((0..100).map(|_| key));
            assert_eq!(depth(&registry.roots), 100);
        }
    }

    #[test]
    fn keys_that_differ_late_lie_beside_the_list() {
        let list = (0..100).map(|_| 0);
        let registry = filled(list.chain((0..64).map(|bit| 1 << bit)));
        assert_eq!(depth(&registry.roots), 100);
    }
}
