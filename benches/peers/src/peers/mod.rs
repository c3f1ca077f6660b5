//! The peers, one file each.
//!
//! Each is used as its documentation says for speed. A peer takes part in the workloads that it
//! has the means for without loss; what it does differently is told beside the results.

mod async_broadcast;
mod bevy_ecs;
mod bus;
mod channels;
mod event_bus;
mod evno;
mod jaeb;
mod mod_events;
mod qubit_event_bus;
mod runtime;
mod rxrust;
mod signals2;
mod tokio_broadcast;
mod tokio_events;

use crate::harness::broadcast::Readers;
use crate::harness::callbacks::Inline;
use crate::harness::contestant::Contestant;
use crate::harness::delivery::Asynchronous;

pub(crate) fn all() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(Inline::<signals2::Slots>::new()),
        Box::new(Inline::<rxrust::SharedSubject>::new()),
        Box::new(Inline::<mod_events::Dispatcher>::new()),
        Box::new(Inline::<event_bus::Bus>::new()),
        Box::new(Inline::<jaeb::SyncHandlers>::new()),
        Box::new(Inline::<bevy_ecs::Observers>::new()),
        Box::new(Readers::<channels::Each<channels::Crossbeam>>::new()),
        Box::new(Readers::<channels::Each<channels::Flume>>::new()),
        Box::new(Readers::<channels::Each<channels::Kanal>>::new()),
        Box::new(Readers::<bus::Bus>::new()),
        Box::new(Readers::<tokio_broadcast::TokioBroadcast>::new()),
        Box::new(tokio_broadcast::Subscribing),
        Box::new(Readers::<async_broadcast::AsyncBroadcast>::new()),
        Box::new(Asynchronous::<evno::Evno>::new()),
        Box::new(Asynchronous::<tokio_events::TokioEvents>::new()),
        Box::new(Asynchronous::<jaeb::AsyncHandlers>::new()),
        Box::new(Asynchronous::<qubit_event_bus::Qubit>::new()),
    ]
}
