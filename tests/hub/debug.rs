//! What `{:?}` shows: what a thing is and which channel or listener it belongs to, and no event
//! that is not `Debug` itself.

use crate::common::{Log, Numbers};
use typed_hub::{Hub, ListenOptions, TryPublishError};

#[test]
fn handles_say_what_they_are_and_whose() {
    let (hub, worker) = Hub::builder().build_with_worker();
    let options = ListenOptions::builder().name("log").build();
    let subscription = hub.listen_with::<Numbers>(options, |_| {});
    let publisher = hub.publisher::<Numbers>();
    let mut receiver = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(7);
    assert_eq!(format!("{hub:?}"), "Hub { .. }");
    assert_eq!(format!("{:?}", hub.downgrade()), "WeakHub { .. }");
    assert_eq!(format!("{worker:?}"), "Worker { .. }");
    assert_eq!(
        format!("{subscription:?}"),
        r#"Subscription { listener: Some("log") }"#
    );
    assert_eq!(
        format!("{publisher:?}"),
        r#"Publisher { channel: "number", .. }"#
    );
    assert_eq!(
        format!("{receiver:?}"),
        r#"Receiver { channel: "number", .. }"#
    );
    assert_eq!(format!("{:?}", receiver.recv().unwrap()), "7");
    assert_eq!(
        format!("{:?}", TryPublishError(7)),
        "TryPublishError { .. }"
    );
}

#[test]
fn an_envelope_shows_its_event_and_its_metadata() {
    let hub = Hub::new();
    let log = Log::new();
    let shown = log.clone();
    let _guard = hub.listen_envelope::<Numbers>(move |number| shown.push(format!("{number:?}")));
    hub.publish::<Numbers>(7);
    hub.flush();
    let shown = log.take().remove(0);
    assert!(
        shown.starts_with(r#"Envelope { channel: "number", payload: 7, sequence: 0"#),
        "{shown}"
    );
    assert!(shown.contains(file!()), "{shown}");
}
