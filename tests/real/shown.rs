//! Everything that is shown to somebody: events, errors, log lines. No secret is to be in it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use typed_hub::auth::Session;
use typed_hub::{Auth, AuthEvent, Hub};

#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<String>>);

impl Shown {
    /// Writes down the events of a hub, as they are printed and as they travel.
    pub(crate) fn of(hub: &Hub) -> Self {
        let shown = Self::default();
        let events = shown.clone();
        hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            events.push(&serde_json::to_string(event).unwrap());
            events.debug(event);
        })
        .detach();
        #[cfg(feature = "tracing")]
        hub.log::<Auth>().detach();
        shown
    }

    pub(crate) fn push(&self, text: &str) {
        let mut all = self.0.lock().unwrap();
        all.push_str(text);
        all.push('\n');
    }

    pub(crate) fn debug(&self, value: &impl Debug) {
        self.push(&format!("{value:?} {value:#?}"));
    }

    pub(crate) fn error(&self, error: &(impl std::error::Error + Debug)) {
        self.debug(error);
        self.push(&format!("{error} {error:#}"));
    }

    pub(crate) fn any_of(&self, secrets: &[String]) -> bool {
        let all = self.0.lock().unwrap();
        let mut secrets = secrets.iter().filter(|secret| !secret.is_empty());
        secrets.any(|secret| all.contains(secret))
    }
}

/// The tokens of a session.
pub(crate) fn tokens(session: &Session) -> Vec<String> {
    let tokens = &session.tokens;
    let mut all = vec![tokens.access.expose().to_owned()];
    all.extend(tokens.id.iter().map(|id| id.expose().to_owned()));
    all.extend(tokens.refresh.iter().map(|token| token.expose().to_owned()));
    all
}

/// What this crate logs goes to `Shown` from here on, for as long as the process lives.
#[cfg(feature = "tracing")]
pub(crate) fn log() -> &'static Shown {
    use std::sync::OnceLock;
    static LINES: OnceLock<Shown> = OnceLock::new();
    LINES.get_or_init(|| {
        let shown = Shown::default();
        let _ = tracing::subscriber::set_global_default(lines::Lines(shown.clone()));
        shown
    })
}

#[cfg(feature = "tracing")]
mod lines {
    use std::fmt::{Debug, Write};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::Shown;

    pub(super) struct Lines(pub(super) Shown);

    impl Subscriber for Lines {
        /// What the crates below log at their finest is theirs.
        fn enabled(&self, of: &Metadata<'_>) -> bool {
            of.target().starts_with("typed_hub") || *of.level() <= tracing::Level::INFO
        }

        fn new_span(&self, attributes: &Attributes<'_>) -> Id {
            self.0.debug(attributes);
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            struct Line(String);

            impl Visit for Line {
                fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                    write!(self.0, " {field}={value:?}").unwrap();
                }
            }

            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.push(&line.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}
