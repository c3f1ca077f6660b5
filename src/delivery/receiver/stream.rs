//! A receiver as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::Receiver;
use super::received::Received;
use super::taking::ended;
use crate::channel::Channel;
use crate::error::Lagged;

/// The stream ends when the hub has ended.
impl<C: Channel> Stream for Receiver<C> {
    type Item = Result<Received<C>, Lagged>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(task.waker()).map(ended)
    }
}

impl<C: Channel> FusedStream for Receiver<C> {
    fn is_terminated(&self) -> bool {
        self.is_closed
    }
}
