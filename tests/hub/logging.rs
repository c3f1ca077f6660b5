//! The feature `tracing`: deliveries at trace level, losses at warn, panics at error, and
//! `Hub::log` at info, each with the channel's and the listener's name.

use std::fmt::{Debug, Write as _};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::alone::alone;
use crate::common::{Log, Numbers};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use typed_hub::{Custom, CustomChannel, Hub, Overflow, ReceiverOptions};

/// Writes events down as one line each.
struct Lines(Log<String>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("typed_hub")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Line(String);

        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                if field.name() != "source" {
                    write!(self.0, " {}={value:?}", field.name()).unwrap();
                }
            }
        }

        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        assert!(!line.0.contains("unloggable"), "the logger panics");
        self.0.push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

enum Grudges {}

impl CustomChannel for Grudges {
    type Event = Grudge;
    const NAME: &'static str = "grudges";
}

/// An event whose drop panics.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        panic!("not like this");
    }
}

/// A waker that panics.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        panic!("out of order");
    }
}

/// Alone in its process, which has one logger.
#[test]
fn deliveries_losses_and_panics_are_logged_and_so_are_events_where_asked() {
    let test = "deliveries_losses_and_panics_are_logged_and_so_are_events_where_asked";
    if alone(module_path!(), test).is_some() {
        return;
    }
    let log = Log::new();
    tracing::subscriber::set_global_default(Lines(log.clone())).unwrap();
    let hub = Hub::builder().on_panic(|_| {}).build();

    let queued = hub
        .listener::<Numbers>()
        .name("clumsy")
        .listen(|n| assert_ne!(*n, 2, "at two"));
    hub.publish::<Numbers>(2);
    hub.flush();
    queued.close();
    let delivery = r#"TRACE message=event delivered channel="number" listener=clumsy"#;
    let [delivered, panicked] = &log.take()[..] else {
        panic!("two lines")
    };
    assert_eq!(delivered, delivery);
    assert!(
        panicked.starts_with("ERROR message=listener panicked"),
        "{panicked}"
    );
    assert!(
        panicked.contains(r#"channel="number" listener="clumsy" panic="assertion"#),
        "{panicked}"
    );

    let unloggable = hub.listen_inline::<Numbers>(|_| panic!("unloggable"));
    hub.publish::<Numbers>(2); // its publisher hears nothing of the logger's own panic
    drop(unloggable);
    log.take();

    let dropped = hub.listen::<Custom<Grudges>>(|_| {});
    hub.publish::<Custom<Grudges>>(Grudge);
    hub.flush();
    dropped.close();
    assert_eq!(
        log.take()[1],
        r#"ERROR message=drop of an event panicked channel="grudges" panic="not like this""#
    );
    let mut receiver = hub.receiver::<Numbers>();
    let waker = Waker::from(Arc::new(Broken));
    {
        let event = pin!(receiver.recv_async());
        assert!(event.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    hub.publish::<Numbers>(7);
    drop(receiver);
    assert_eq!(
        log.take(),
        [r#"ERROR message=waker of a task panicked channel="number" panic="out of order""#]
    );

    let options = ReceiverOptions::builder()
        .name("slow")
        .capacity(1)
        .overflow(Overflow::DropOldest)
        .build();
    let mut receiver = hub.receiver_with::<Numbers>(options);
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    assert!(receiver.recv().is_err());
    assert!(receiver.recv().is_ok());
    drop(receiver);
    assert_eq!(
        log.take(),
        [
            r#"WARN message=events lost channel="number" listener=slow lost=2"#,
            r#"TRACE message=event delivered channel="number" listener=slow"#,
        ]
    );

    let logged = hub.log::<Numbers>();
    hub.publish::<Numbers>(7);
    hub.flush();
    logged.close();
    let lines = log.take();
    assert!(
        lines[1].starts_with(r#"INFO channel="number" sequence="#),
        "{lines:?}"
    );
    assert!(lines[1].ends_with("event=7"), "{lines:?}");
}
