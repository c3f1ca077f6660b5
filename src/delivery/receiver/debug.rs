//! The `Debug` output of a receiver, which shows no event.

use std::fmt;

use super::Receiver;
use crate::channel::Channel;

/// Shows the channel, the receiver's name or the line that made it, its options, and how many
/// events it can receive without waiting.
impl<C: Channel> fmt::Debug for Receiver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = self.taken_events();
        // Read before the first text is written: the writer may be user code.
        let reader = self.log.reader(self.id, |reader, waiting| {
            (reader.capacity, reader.overflow, waiting)
        });
        let mut receiver = f.debug_struct("Receiver");
        receiver
            .field("channel", &C::NAME)
            .field("name", &self.name.to_string());
        if let Some((capacity, overflow, waiting)) = reader {
            receiver
                .field("capacity", &capacity)
                .field("overflow", &overflow)
                .field("waiting", &(taken + waiting));
        }
        receiver.finish_non_exhaustive()
    }
}
