//! The hub, each of its ways to publish and to listen as a contestant.

pub(crate) mod channels;
pub(crate) mod inline;
mod queued;
mod receivers;

use super::harness::broadcast::Readers;
use super::harness::callbacks::Inline;
use super::harness::contestant::Contestant;
use super::harness::delivery::Asynchronous;

pub(crate) fn all() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(Inline::<inline::ByPublisher>::new()),
        Box::new(Inline::<inline::ByType>::new()),
        Box::new(inline::AmongChannels),
        Box::new(Asynchronous::<queued::Listen>::new()),
        Box::new(queued::WithWorker),
        Box::new(Readers::<receivers::Receivers>::new()),
        Box::new(Readers::<receivers::Drains>::new()),
        #[cfg(feature = "stream")]
        Box::new(Readers::<receivers::Streams>::new()),
        Box::new(receivers::ReceiverAlone),
    ]
}
