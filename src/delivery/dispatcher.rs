//! The one thread that calls a hub's queued listeners.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::batch::Batch;
use super::context::Context;
use super::inside;
use super::queue::Queue;

/// Starts the thread. It delivers what the queue accepts until the queue has ended and is empty.
pub(crate) fn spawn(queue: Arc<Queue>, context: Arc<Context>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("typed-hub".to_owned())
        .spawn(move || run(&queue, &context))
}

fn run(queue: &Queue, context: &Context) {
    let mut batch = Batch::default();
    while queue.take(&mut batch) {
        inside::dispatch(context.hub, || batch.deliver(context));
    }
}
