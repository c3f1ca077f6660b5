//! A receiver as an iterator and as a stream.

#[cfg(feature = "stream")]
use std::task::Poll;

use super::Receiver;
use super::received::Received;
use crate::channel::Channel;
use crate::error::{Lagged, RecvError};

/// Blocks for each event, and ends when the hub has ended.
///
/// A receiver is not an iterator itself: it is a stream, and the two `next()` methods would
/// conflict.
impl<C: Channel> IntoIterator for Receiver<C> {
    type Item = Result<Received<C>, Lagged>;
    type IntoIter = Events<C>;

    fn into_iter(self) -> Events<C> {
        Events { receiver: self }
    }
}

/// Blocks for each event, and ends when the hub has ended. The receiver can be used after the loop.
#[expect(
    clippy::into_iter_without_iter,
    reason = "the method is `iter`, as of every receiver of a channel"
)]
impl<'a, C: Channel> IntoIterator for &'a mut Receiver<C> {
    type Item = Result<Received<C>, Lagged>;
    type IntoIter = EventsMut<'a, C>;

    fn into_iter(self) -> EventsMut<'a, C> {
        EventsMut { receiver: self }
    }
}

/// The events of a borrowed [`Receiver`], on this thread: see [`Receiver::iter`].
pub struct EventsMut<'a, C: Channel> {
    pub(super) receiver: &'a mut Receiver<C>,
}

impl<C: Channel> Iterator for EventsMut<'_, C> {
    type Item = Result<Received<C>, Lagged>;

    fn next(&mut self) -> Option<Self::Item> {
        ended(self.receiver.recv())
    }
}

/// The events of a [`Receiver`], on this thread.
pub struct Events<C: Channel> {
    pub(super) receiver: Receiver<C>,
}

impl<C: Channel> Iterator for Events<C> {
    type Item = Result<Received<C>, Lagged>;

    fn next(&mut self) -> Option<Self::Item> {
        ended(self.receiver.recv())
    }
}

pub(super) fn ended<T>(received: Result<T, RecvError>) -> Option<Result<T, Lagged>> {
    match received {
        Ok(event) => Some(Ok(event)),
        Err(RecvError::Lagged(lagged)) => Some(Err(lagged)),
        Err(RecvError::Closed) => None,
    }
}

/// The stream ends when the hub has ended.
#[cfg(feature = "stream")]
impl<C: Channel> futures_core::Stream for Receiver<C> {
    type Item = Result<Received<C>, Lagged>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(task.waker()).map(ended)
    }
}

#[cfg(feature = "stream")]
impl<C: Channel> futures_core::stream::FusedStream for Receiver<C> {
    fn is_terminated(&self) -> bool {
        self.is_closed
    }
}
