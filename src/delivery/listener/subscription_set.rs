//! The guards of many listeners.

use super::subscription::Subscription;

/// The guards of many listeners, of any channels and hubs, which are dropped, [closed](Self::close)
/// or [detached](Self::detach) together.
///
/// ```
/// use typed_hub::{Auth, Custom, CustomChannel, Hub, SubscriptionSet};
///
/// enum Clicks {}
///
/// impl CustomChannel for Clicks {
///     type Event = (i32, i32);
///     const NAME: &'static str = "clicks";
/// }
///
/// struct Window {
///     listeners: SubscriptionSet,
/// }
///
/// let hub = Hub::new();
/// let mut window = Window { listeners: SubscriptionSet::new() };
/// window.listeners.extend([
///     hub.listen::<Auth>(|event| println!("{}", event.kind())),
///     hub.listen::<Custom<Clicks>>(|(x, y)| println!("clicked at {x}, {y}")),
/// ]);
/// drop(window); // neither is called any more
/// ```
#[derive(Debug, Default)]
#[must_use = "dropping a `SubscriptionSet` ends its listeners at once"]
pub struct SubscriptionSet {
    guards: Vec<Subscription>,
}

impl SubscriptionSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a guard.
    pub fn insert(&mut self, guard: Subscription) {
        self.guards.push(guard);
    }

    /// The number of guards.
    pub fn len(&self) -> usize {
        self.guards.len()
    }

    /// Whether the set has no guard.
    pub fn is_empty(&self) -> bool {
        self.guards.is_empty()
    }

    /// [Closes](Subscription::close) every guard: all listeners end, then it waits for their calls
    /// under way.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn close(self) {
        self.guards.iter().for_each(Subscription::unsubscribe);
        self.guards.into_iter().for_each(Subscription::close);
    }

    /// [Closes](Subscription::close_async) every guard without blocking the thread: all listeners
    /// end at once, and the future waits for their calls under way.
    #[must_use = "the listeners have ended, but only the awaited future waits for their last calls"]
    pub fn close_async(self) -> impl Future<Output = ()> + Send + Sync + use<> {
        let guards = self.guards.into_iter();
        let closing: Vec<_> = guards.map(Subscription::close_async).collect();
        async {
            for close in closing {
                close.await;
            }
        }
    }

    /// [Detaches](Subscription::detach) every guard: the listeners live as long as their hubs.
    pub fn detach(self) {
        self.guards.into_iter().for_each(Subscription::detach);
    }
}

impl Extend<Subscription> for SubscriptionSet {
    fn extend<T: IntoIterator<Item = Subscription>>(&mut self, guards: T) {
        self.guards.extend(guards);
    }
}

impl FromIterator<Subscription> for SubscriptionSet {
    fn from_iter<T: IntoIterator<Item = Subscription>>(guards: T) -> Self {
        Self {
            guards: guards.into_iter().collect(),
        }
    }
}
