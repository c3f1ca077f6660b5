//! A hub's channels, found by type.

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use super::report::ChannelReport;

/// Entries at each level of the trie.
const FAN_OUT: usize = 16;

/// An append-only trie over `TypeId`s. A `TypeId` is a hash already, so its own bits lead the
/// way; and since nothing is ever removed, a look-up takes no lock.
#[derive(Default)]
pub(super) struct Registry {
    root: Level,
}

/// A channel whose type is not known here.
pub(super) trait AnyChannel: Any + Send + Sync {
    /// Tells receivers that nothing more will come.
    fn close(&self);

    fn report(&self) -> ChannelReport;
}

type Level = [OnceLock<Box<Entry>>; FAN_OUT];

struct Entry {
    channel: TypeId,
    state: Arc<dyn AnyChannel>,
    below: OnceLock<Box<Level>>,
}

const ONE_STATE: &str = "a channel has one type of state";

impl Registry {
    /// The state of channel `C`, made by `make` at its first use.
    pub(super) fn channel<C: 'static, S: AnyChannel>(&self, make: impl Fn() -> S) -> &S {
        let state: &dyn Any = &**self.find::<C, S>(make);
        state.downcast_ref().expect(ONE_STATE)
    }

    /// The same, to keep.
    pub(super) fn shared<C: 'static, S: AnyChannel>(&self, make: impl Fn() -> S) -> Arc<S> {
        let state: Arc<dyn Any + Send + Sync> = Arc::clone(self.find::<C, S>(make)) as _;
        match state.downcast() {
            Ok(state) => state,
            Err(_) => unreachable!("{ONE_STATE}"),
        }
    }

    fn find<C: 'static, S: AnyChannel>(&self, make: impl Fn() -> S) -> &Arc<dyn AnyChannel> {
        let channel = TypeId::of::<C>();
        let mut key = bits(channel);
        let mut level = &self.root;
        loop {
            // Once the bits are used up the trie goes on as a list of first entries.
            #[expect(clippy::cast_possible_truncation, reason = "it is less than FAN_OUT")]
            let place = (key % FAN_OUT as u64) as usize;
            let entry = level[place].get_or_init(|| {
                Box::new(Entry {
                    channel,
                    state: Arc::new(make()),
                    below: OnceLock::new(),
                })
            });
            if entry.channel == channel {
                return &entry.state;
            }
            level = entry.below.get_or_init(Box::default);
            key /= FAN_OUT as u64;
        }
    }

    pub(super) fn channels(&self) -> Vec<&dyn AnyChannel> {
        let mut found = Vec::new();
        collect(&self.root, &mut found);
        found
    }
}

fn collect<'a>(level: &'a Level, found: &mut Vec<&'a dyn AnyChannel>) {
    for entry in level.iter().filter_map(OnceLock::get) {
        found.push(&*entry.state);
        if let Some(below) = entry.below.get() {
            collect(below, found);
        }
    }
}

/// What a `TypeId` feeds to a hasher: bits of a hash of the type.
fn bits(channel: TypeId) -> u64 {
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
    channel.hash(&mut hasher);
    hasher.finish()
}
